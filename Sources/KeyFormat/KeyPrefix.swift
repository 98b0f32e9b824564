/// The beginning of a key: `[a-z][a-z0-9]{1,11}`, optionally followed by `_live` or `_test`.
public struct KeyPrefix: Hashable, Sendable {
    /// The default prefix.
    public static let standard = KeyPrefix(unchecked: Array("lk".utf8))

    /// The prefix as ASCII.
    public let ascii: [UInt8]

    /// A prefix; `nil` if the text is not valid.
    public init?(_ text: some Collection<UInt8>) {
        var word = Array(text)
        for suffix in ["_live", "_test"] where word.suffix(5).elementsEqual(suffix.utf8) {
            word.removeLast(5)
            break
        }
        guard (2...12).contains(word.count), Self.isLetter(word[0]),
            word.allSatisfy({ Self.isLetter($0) || Self.isDigit($0) })
        else { return nil }
        self.init(unchecked: Array(text))
    }

    private init(unchecked ascii: [UInt8]) {
        self.ascii = ascii
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}
