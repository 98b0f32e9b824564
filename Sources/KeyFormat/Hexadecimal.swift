/// Hexadecimal digits of the bytes of words, in the order of memory: lower case in output, either case
/// in input.
package enum Hexadecimal {
    package static func encode<let count: Int>(_ words: InlineArray<count, UInt64>) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(16 * count)
        for index in 0..<count {
            let word = UInt64(bigEndian: words[index])
            for shift in stride(from: 60, through: 0, by: -4) {
                text.append(digit(UInt8(truncatingIfNeeded: word >> UInt64(shift)) & 0xF))
            }
        }
        return text
    }

    /// Decodes exactly `16 * count` digits; returns `false` for any other text.
    package static func decode<let count: Int>(
        _ text: Span<UInt8>,
        into words: inout InlineArray<count, UInt64>
    ) -> Bool {
        guard text.count == 16 * count else { return false }
        var invalid: UInt8 = 0
        for index in 0..<count {
            var word: UInt64 = 0
            for position in 16 * index..<16 * index + 16 {
                let value = value(of: text[position])
                invalid |= value & 0x80
                word = word << 4 | UInt64(value & 0xF)
            }
            words[index] = UInt64(bigEndian: word)
        }
        return invalid == 0
    }

    private static func digit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + (value - 10)
    }

    private static func value(of byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: 255
        }
    }
}
