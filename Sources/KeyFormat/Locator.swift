import CLibcrypto

/// The public part of a key: 14 base62 digits that name an organization's record.
///
/// Logs and support tickets may show it; the organization's name cannot be told from it without
/// guessing the name.
public struct Locator: Hashable, Sendable {
    /// Number of digits.
    public static let length = 14

    /// The first eight digits and the last six, as they stand in memory.
    private let head: UInt64
    private let tail: UInt64

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
        guard offset >= 0, text.count - offset >= Self.length else { return nil }
        var invalid: UInt8 = 0
        for index in offset..<offset + Self.length {
            invalid |= Base62.value(of: text[index]) & 0x80
        }
        guard invalid == 0 else { return nil }
        self.init(digits: text, at: offset)
    }

    @inline(__always)
    private init(digits: Span<UInt8>, at offset: Int) {
        var head: UInt64 = 0
        var tail: UInt64 = 0
        for index in offset..<offset + 8 { head = head << 8 | UInt64(digits[index]) }
        for index in offset + 8..<offset + Self.length { tail = tail << 8 | UInt64(digits[index]) }
        self.head = head
        self.tail = tail
    }

    /// The digits as ASCII.
    public var ascii: InlineArray<14, UInt8> {
        InlineArray { index in
            index < 8
                ? UInt8(truncatingIfNeeded: head >> (56 - 8 * UInt64(index)))
                : UInt8(truncatingIfNeeded: tail >> (40 - 8 * UInt64(index - 8)))
        }
    }

    /// A number for tables, in which all digits take part. Locators are as good as random, so
    /// nobody can choose many that collide.
    public var tableHash: UInt64 {
        let mixed = (head ^ tail &* 0x9E37_79B9_7F4A_7C15) &* 0xD6E8_FEB8_6659_FD93
        return mixed ^ mixed >> 32
    }

    /// Appends the digits to a text.
    public func append(to text: inout [UInt8]) {
        let digits = ascii
        for index in digits.indices { text.append(digits[index]) }
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
