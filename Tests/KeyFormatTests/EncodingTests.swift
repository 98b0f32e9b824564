import TestSupport
import Testing

@testable import KeyFormat

struct EncodingTests {
    /// All digits, in the order of their values.
    private static let digits = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8
    )

    @Test func `base62 digits are in the order 0-9A-Za-z`() {
        for value in UInt8(0)..<62 {
            let digit = Base62.digit(value)
            #expect(Self.digits[Int(value)] == digit)
            #expect(Base62.value(of: digit) == value)
        }
        let others = (UInt8.min...UInt8.max).filter { Base62.value(of: $0) >= 62 }
        #expect(others.count == 256 - 62)
        #expect(others.allSatisfy { Base62.value(of: $0) == 255 })
    }

    @Test func `base62 numbers are padded or truncated to their lowest digits`() {
        func text(_ number: UInt64, _ width: Int) -> String {
            var text = Array("x".utf8)
            Base62.append(number, width: width, to: &text)
            return String(decoding: text, as: UTF8.self)
        }
        #expect(text(0, 4) == "x0000")
        #expect(text(61, 2) == "x0z")
        #expect(text(62, 2) == "x10")
        #expect(text(62 * 62, 2) == "x00")
        #expect(text(.max, 11) == "xLygHa16AHYF")
        #expect(text(5, 0) == "x")
    }

    @Test func `a base62 number is parsed as it was written`() {
        var generator = SplitMix64(seed: 1)
        for _ in 0..<10_000 {
            let number = UInt64.random(in: 0..<KeyLayout.tagModulus, using: &generator)
            var text: [UInt8] = []
            Base62.append(number, width: 8, to: &text)
            #expect(Base62.number(in: text.span, 0..<8) == number)
        }
    }

    @Test func `a base62 number with any other byte is invalid`() {
        for byte in UInt8.min...UInt8.max where Base62.value(of: byte) == 255 {
            for place in 0..<8 {
                var text = Array("zzzzzzzz".utf8)
                text[place] = byte
                #expect(Base62.number(in: text.span, 0..<8) == nil)
            }
        }
    }

    @Test func `the modulus of the tag is 62 to the power of its length`() {
        #expect(
            KeyLayout.tagModulus == (0..<KeyLayout.tagLength).reduce(1) { power, _ in power * 62 }
        )
    }

    /// The check value of CRC-32 in catalogs, and values of Python's zlib.
    @Test(arguments: [
        ("123456789", 0xCBF4_3926 as UInt32), ("", 0), ("a", 0xE8B7_BE43), ("lk_", 0xC351_155F),
    ])
    func `the checksum is that of zlib`(text: String, expected: UInt32) {
        let bytes = Array(text.utf8)
        #expect(CRC32.checksum(of: bytes.span, count: bytes.count) == expected)
        #expect(CRC32.checksum(of: (bytes + [1, 2]).span, count: bytes.count) == expected)
    }

    @Test func `a digest is parsed from hexadecimal digits of either case`() throws {
        let text = "00112233445566778899aabbccddeeff0123456789abcdef0fedcba987654321"
        let digest = try #require(Digest(Array(text.utf8)))
        #expect(digest.hexadecimal == Array(text.utf8))
        #expect(Digest(Array(text.uppercased().utf8)) == digest)
        #expect(digest.first64Bits == 0x0011_2233_4455_6677)
        #expect(digest.first128Bits == 0x0011_2233_4455_6677_8899_AABB_CCDD_EEFF)
    }

    @Test func `text that is not exactly 64 hexadecimal digits is not a digest`() {
        let text = Array(String(repeating: "0f", count: 32).utf8)
        #expect(Digest(Array(text.dropLast())) == nil)
        #expect(Digest((text + text.prefix(1))) == nil)
        #expect(Digest([]) == nil)
        let digits = Set("0123456789abcdefABCDEF".utf8)
        for byte in UInt8.min...UInt8.max where !digits.contains(byte) {
            for place in [0, 15, 16, 63] {
                var altered = text
                altered[place] = byte
                #expect(Digest(altered) == nil)
            }
        }
    }

    @Test func `text that is not exactly 48 hexadecimal digits is not a verifier`() throws {
        let text = Array(String(repeating: "4b", count: 24).utf8)
        #expect(try #require(Verifier(text)).hexadecimal == text)
        #expect(Verifier(Array(text.dropLast(2))) == nil)
        #expect(Verifier((text + text.prefix(16))) == nil)
        var altered = text
        altered[47] = UInt8(ascii: "g")
        #expect(Verifier(altered) == nil)
    }

    @Test func `digests differ if any bit differs`() throws {
        let bytes = (0..<32).map { UInt8($0) }
        let digest = Digest(message: bytes.span)
        #expect(digest == Digest(message: bytes.span))
        for place in 0..<64 {
            for bit in 0..<4 {
                var text = digest.hexadecimal
                let value = UInt8(String(decoding: text[place...place], as: UTF8.self), radix: 16)!
                text[place] = String(value ^ (1 << bit), radix: 16).utf8.first!
                #expect(try #require(Digest(text)) != digest)
            }
        }
    }

    @Test func `verifiers differ if any digit differs`() throws {
        let text = Array(String(repeating: "0123456789abcdef", count: 3).utf8)
        let verifier = try #require(Verifier(text))
        #expect(verifier == Verifier(text))
        for place in text.indices {
            var altered = text
            altered[place] =
                altered[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            #expect(try #require(Verifier(altered)) != verifier)
        }
    }

    @Test func `a locator is read at its offset, and only as a whole`() throws {
        let locator = Locator(organization: "acme".utf8)
        let digits = Array(locator.description.utf8)
        #expect(Locator(digits) == locator)
        #expect(Locator((Array("lk_".utf8) + digits + [0]), at: 3) == locator)
        #expect(Locator(digits, at: 1) == nil)
        #expect(Locator(digits, at: -1) == nil)
        #expect(Locator(digits, at: .max) == nil)
        #expect(Locator(Array(digits.dropLast())) == nil)
        #expect(locator.ascii == digits)
    }

    @Test func `a locator with any other byte is invalid`() {
        let digits = Array(Locator(organization: "acme".utf8).description.utf8)
        for place in digits.indices {
            for byte in [0, 0x20, 0x2F, 0x3A, 0x40, 0x5B, 0x5F, 0x60, 0x7B, 0x80, 0xFF] as [UInt8] {
                var altered = digits
                altered[place] = byte
                #expect(Locator(altered) == nil)
            }
        }
    }

    @Test func `locators are equal only if every digit is`() throws {
        let digits = Array(Locator(organization: "acme".utf8).description.utf8)
        let locator = try #require(Locator(digits))
        for place in digits.indices {
            var altered = digits
            altered[place] =
                altered[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            #expect(try #require(Locator(altered)) != locator)
        }
    }
}
