import CLibcrypto

/// The public part of a key: 14 base62 digits that name an organization's record.
///
/// Logs and support tickets may show it; the organization's name cannot be told from it without
/// guessing the name.
public struct Locator: Hashable, Sendable {
    /// Number of digits.
    public static let length = 14

    /// The first eight digits and the last six, the first digit in the lowest byte.
    @usableFromInline let head: UInt64
    @usableFromInline let tail: UInt64

    /// The locator of an organization: the first 16 bytes of SHA-256 over a label and the name,
    /// big-endian, modulo 62 to the power of 14.
    public init(organization name: some Collection<UInt8>) {
        var message = Array("latchkey organization\0".utf8)
        message.append(contentsOf: name)
        let digest = Digest(sha256: message.span)
        let modulus = (0..<Self.length).reduce(UInt128(1)) { power, _ in power * 62 }
        var digits: [UInt8] = []
        Base62.append(digest.first128Bits % modulus, width: Self.length, to: &digits)
        self.init(digits: digits.span, at: 0)
    }

    /// The locator that is spelled at an offset of a text, or `nil` where there is none.
    public init?(ascii text: Span<UInt8>, at offset: Int = 0) {
        guard offset >= 0, text.count - offset >= Self.length,
            Base62.areDigits(text, offset..<offset + Self.length)
        else { return nil }
        self.init(digits: text, at: offset)
    }

    /// The locator that stands at an offset of a text, whatever its bytes are: it proves nothing, and
    /// is no locator where they are not base62. The text must reach that far.
    @inline(__always)
    public init(digits text: Span<UInt8>, at offset: Int) {
        (head, tail) = text.withUnsafeBytes { bytes in
            let head = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let end = bytes.loadUnaligned(fromByteOffset: offset + Self.length - 8, as: UInt64.self)
            return (UInt64(littleEndian: head), UInt64(littleEndian: end) >> 16)
        }
    }

    /// The digits as ASCII.
    public var ascii: InlineArray<14, UInt8> {
        InlineArray { index in
            UInt8(truncatingIfNeeded: (index < 8 ? head : tail) >> UInt64(8 * (index & 7)))
        }
    }

    /// The first digit as ASCII.
    public var firstDigit: UInt8 { UInt8(truncatingIfNeeded: head) }

    /// Lends the 14 digits as ASCII.
    @inlinable @inline(__always)
    public func withDigits<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (head.littleEndian, tail.littleEndian)) { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[..<Self.length]))
        }
    }

    /// A number for tables, in which all digits take part. Locators are as good as random, so
    /// nobody can choose many that collide.
    public var tableHash: UInt64 {
        let mixed = (head ^ tail &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ mixed >> 32
    }

    /// Feeds one number, in which all digits take part.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(tableHash)
    }

    /// Appends the digits to a text.
    public func append(to text: inout [UInt8]) {
        withDigits { text.append(contentsOf: $0) }
    }
}

extension Locator: CustomStringConvertible {
    /// The 14 digits.
    public var description: String {
        var digits: [UInt8] = []
        append(to: &digits)
        return String(decoding: digits, as: UTF8.self)
    }
}
