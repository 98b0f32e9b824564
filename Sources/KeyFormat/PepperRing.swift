import CLibcrypto

/// The peppers of a pepper file. The first one makes new keys and seals; all of them verify.
///
/// To rotate the pepper, put a new line before the others; to retire one, remove its line.
public struct PepperRing {
    /// Maximum number of peppers. Each one adds an HMAC to the verification of a forged key.
    public static let countMax = 8

    /// All peppers, in the order of the file; never empty.
    public let peppers: [Pepper]

    /// The pepper for new keys and seals.
    public var current: Pepper { peppers[0] }

    /// Why a pepper file is rejected. Names a line, never its contents.
    public enum Fault: Error, Equatable, Sendable {
        case empty
        case tooMany
        /// The line with this number, from 1, is not 64 hexadecimal digits.
        case line(Int)
    }

    /// Parses a pepper file: 64 hexadecimal digits per line; blank lines are skipped.
    ///
    /// - Throws: The first fault of the file.
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

    /// The contents of a new pepper file: one pepper from the random number generator of the operating
    /// system.
    public static func makeContents() -> SecretBytes {
        var words: InlineArray<4, UInt64> = .init { _ in UInt64.random(in: .min ... .max) }
        defer { withUnsafeMutableBytes(of: &words) { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        var line = Hexadecimal.encode(words) + [UInt8(ascii: "\n")]
        defer { line.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        return SecretBytes(copying: line.span)
    }
}
