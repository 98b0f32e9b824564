import CLibcrypto

/// The secrets of a pepper file: the first makes new keys, all of them accept.
///
/// A pepper is rotated by putting a new secret before the old ones, and ended by taking it out.
public struct PepperRing {
    /// Most secrets that a file may hold; each costs every made-up key one more HMAC.
    public static let countMax = 8

    /// All secrets, in the file's order. Never empty.
    public let peppers: [Pepper]

    /// The secret for new keys and for sealing records.
    public var current: Pepper { peppers[0] }

    /// What is wrong with a pepper file. Tells lines, never contents.
    public enum Fault: Error, Equatable, Sendable {
        case empty
        case tooMany
        /// The line (from 1) is not 64 hexadecimal digits.
        case line(Int)
    }

    /// Reads the contents of a pepper file: 64 hexadecimal digits a line; blank lines are passed
    /// over.
    public init(contents: borrowing SecretBytes) throws(Fault) {
        peppers = try contents.withSpan { text throws(Fault) in try Self.peppers(in: text) }
    }

    private static func peppers(in text: Span<UInt8>) throws(Fault) -> [Pepper] {
        var peppers: [Pepper] = []
        var start = 0
        var line = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            line += 1
            let range = trimmed(text, start..<end)
            if !range.isEmpty {
                guard let pepper = pepper(text, range) else { throw .line(line) }
                guard peppers.count < countMax else { throw .tooMany }
                peppers.append(pepper)
            }
            start = end + 1
        }
        guard !peppers.isEmpty else { throw .empty }
        return peppers
    }

    private static func trimmed(_ text: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }
        var (start, end) = (range.lowerBound, range.upperBound)
        while start < end, isBlank(text[start]) { start += 1 }
        while start < end, isBlank(text[end - 1]) { end -= 1 }
        return start..<end
    }

    private static func pepper(_ text: Span<UInt8>, _ range: Range<Int>) -> Pepper? {
        var words: InlineArray<4, UInt64> = .init(repeating: 0)
        defer { withUnsafeMutableBytes(of: &words) { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        guard Hexadecimal.decode(text.extracting(range), into: &words) else { return nil }
        let secret = SecretBytes(capacity: Pepper.length) { storage in
            withUnsafeBytes(of: &words) {
                UnsafeMutableRawBufferPointer(storage).copyMemory(from: $0)
            }
            return Pepper.length
        }
        return Pepper(secret)
    }

    /// Makes the contents of a new pepper file: one secret from the operating system's generator.
    public static func makeContents() -> SecretBytes {
        var words: InlineArray<4, UInt64> = .init { _ in UInt64.random(in: .min ... .max) }
        defer { withUnsafeMutableBytes(of: &words) { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        var line = Hexadecimal.encode(words) + [UInt8(ascii: "\n")]
        defer { line.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        return SecretBytes(copying: line.span)
    }
}
