import CLibcrypto

/// The public part of a key: 14 base62 digits that identify an organization and its record.
///
/// It may appear in logs and support tickets. It reveals the name of the organization only to those
/// that guess the name.
public struct Locator: Hashable, Sendable {
    /// Number of digits.
    public static let length = 14

    /// The locator of no organization, for what is about none or about any.
    public static let nobody = Locator(organization: [])

    /// The first eight digits and the last six, the first digit in the lowest byte.
    @usableFromInline let head: UInt64
    @usableFromInline let tail: UInt64

    /// The locator of an organization: the first 16 bytes of the SHA-256 digest of a label and the name,
    /// as a big-endian number modulo 62 to the power of 14.
    public init(organization name: some Collection<UInt8>) {
        var message = Array("latchkey organization\0".utf8)
        message.append(contentsOf: name)
        let digest = Digest(message: message.span)
        let modulus = (0..<Self.length).reduce(UInt128(1)) { power, _ in power * 62 }
        var digits: [UInt8] = []
        Base62.append(digest.first128Bits % modulus, width: Self.length, to: &digits)
        self.init(digits: digits.span, at: 0)
    }

    /// The locator at an offset of a text; `nil` if there are no 14 base62 digits.
    public init?(ascii text: Span<UInt8>, at offset: Int = 0) {
        guard offset >= 0, text.count - offset >= Self.length,
            Base62.areDigits(text, offset..<offset + Self.length)
        else { return nil }
        self.init(digits: text, at: offset)
    }

    /// Reads 14 bytes at an offset of a text without checking that they are base62. The text must contain
    /// them.
    @inline(__always)
    public init(digits text: Span<UInt8>, at offset: Int) {
        (head, tail) = text.withUnsafeBytes { bytes in
            let head = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            let end = bytes.loadUnaligned(fromByteOffset: offset + Self.length - 8, as: UInt64.self)
            return (UInt64(littleEndian: head), UInt64(littleEndian: end) >> 16)
        }
    }

    /// The first digit as ASCII.
    public var firstDigit: UInt8 { UInt8(truncatingIfNeeded: head) }

    /// Passes the 14 ASCII digits to `body`.
    @inlinable @inline(__always)
    public func withDigits<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes(of: (head.littleEndian, tail.littleEndian)) { bytes in
            body(UnsafeRawBufferPointer(rebasing: bytes[..<Self.length]))
        }
    }

    /// A hash of all digits. Locators are digests, so an attacker cannot construct many that collide.
    public var tableHash: UInt64 {
        let mixed = (head ^ tail &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ mixed >> 32
    }

    /// Hashes all digits.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(tableHash)
    }

    /// The ASCII digits.
    public var ascii: [UInt8] { withDigits { Array($0) } }
}

extension Locator: CustomStringConvertible {
    /// The 14 digits.
    public var description: String { String(decoding: ascii, as: UTF8.self) }
}
