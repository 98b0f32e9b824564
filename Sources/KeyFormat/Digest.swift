import CLibcrypto

/// A SHA-256 digest or HMAC-SHA-256: 32 bytes, compared in constant time.
public struct Digest: Sendable {
    /// Length, in bytes.
    public static let length = 32

    private var words: InlineArray<4, UInt64>

    /// A digest of zeros, to be overwritten.
    init() {
        words = InlineArray(repeating: 0)
    }

    /// The SHA-256 digest of a message.
    public init(message: Span<UInt8>) {
        self.init()
        var context = SHA256_CTX()
        SHA256_Init(&context)
        message.withUnsafeBytes { _ = SHA256_Update(&context, $0.baseAddress, $0.count) }
        withMutableBytes { _ = SHA256_Final($0, &context) }
    }

    /// Parses 64 hexadecimal digits; `nil` for anything else.
    public init?(hexadecimal text: Span<UInt8>) {
        self.init()
        guard Hexadecimal.decode(text, into: &words) else { return nil }
    }

    /// The digest as 64 hexadecimal digits.
    public var hexadecimal: [UInt8] { Hexadecimal.encode(words) }

    /// The first eight bytes as a big-endian number.
    var first64Bits: UInt64 { UInt64(bigEndian: words[0]) }

    /// The first 16 bytes as a big-endian number.
    var first128Bits: UInt128 {
        UInt128(UInt64(bigEndian: words[0])) << 64 | UInt128(UInt64(bigEndian: words[1]))
    }

    /// The last 24 bytes.
    var last192Bits: InlineArray<3, UInt64> { [words[1], words[2], words[3]] }

    /// Gives libcrypto access to the 32 bytes.
    mutating func withMutableBytes<Result>(_ body: (UnsafeMutablePointer<UInt8>) -> Result)
        -> Result
    {
        withUnsafeMutableBytes(of: &words) {
            body($0.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
    }
}

extension Digest: Equatable {
    /// Compares in constant time.
    public static func == (left: Digest, right: Digest) -> Bool {
        ConstantTime.equal(left.words, right.words)
    }
}
