/// Base62 numbers of a fixed width: digits `0-9A-Za-z`, most significant digit first, padded with `0`.
enum Base62 {
    /// The digit of a value below 62.
    @inline(__always)
    static func digit(_ value: UInt8) -> UInt8 {
        switch value {
        case 0..<10: UInt8(ascii: "0") &+ value
        case 10..<36: UInt8(ascii: "A") &+ (value &- 10)
        default: UInt8(ascii: "a") &+ (value &- 36)
        }
    }

    /// The value of a digit; 255 for any other byte.
    @inline(__always)
    static func value(of byte: UInt8) -> UInt8 {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte &- UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte &- UInt8(ascii: "A") &+ 10
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte &- UInt8(ascii: "a") &+ 36
        default: 255
        }
    }

    /// Whether all bytes in a range are digits. The range must lie within the text and span at least
    /// eight bytes, because eight are examined at a time.
    @inline(__always)
    static func areDigits(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        text.withUnsafeBytes { bytes in
            var digits = highBits
            for offset in stride(from: range.lowerBound, to: range.upperBound, by: 8) {
                let start = min(offset, range.upperBound - 8)
                digits &= digitBits(bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
            }
            return digits == highBits
        }
    }

    private static let lowBits: UInt64 = 0x0101_0101_0101_0101
    private static let highBits = lowBits << 7

    /// Sets the high bit of each of eight bytes that is a digit, and clears all other bits.
    @inline(__always)
    private static func digitBits(_ bytes: UInt64) -> UInt64 {
        let ascii = bytes & ~highBits
        let numerals = bytesInRange(ascii, from: "0", to: "9")
        let letters = bytesInRange(ascii | lowBits << 5, from: "a", to: "z")
        return (numerals | letters) & ~bytes
    }

    /// Sets the high bit of each of eight ASCII bytes that is in a range, and clears all other bits.
    @inline(__always)
    private static func bytesInRange(
        _ ascii: UInt64,
        from first: Unicode.Scalar,
        to last: Unicode.Scalar
    )
        -> UInt64
    {
        let atLeastFirst = ascii &+ lowBits &* UInt64(0x80 - first.value)
        let aboveLast = ascii &+ lowBits &* UInt64(0x7F - last.value)
        return atLeastFirst & ~aboveLast & highBits
    }

    /// Appends the lowest `width` digits of a number.
    static func append<Number: FixedWidthInteger & UnsignedInteger>(
        _ number: Number,
        width: Int,
        to text: inout [UInt8]
    ) {
        let start = text.count
        text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: width))
        var rest = number
        for index in stride(from: start + width - 1, through: start, by: -1) {
            let (quotient, remainder) = rest.quotientAndRemainder(dividingBy: 62)
            text[index] = digit(UInt8(truncatingIfNeeded: remainder))
            rest = quotient
        }
    }

    /// The value of at most ten digits; `nil` if any byte is not a digit.
    @inline(__always)
    static func number(in text: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        var invalid: UInt8 = 0
        for index in range {
            let value = value(of: text[index])
            invalid |= value & 0x80
            number = number &* 62 &+ UInt64(value)
        }
        return invalid == 0 ? number : nil
    }
}
