/// Decimal numbers in their canonical form: digits without a sign or leading zeros.
enum DecimalNumber {
    static func value(of text: some Collection<UInt8>) -> UInt64? {
        guard (1...19).contains(text.count), text.count == 1 || text.first != UInt8(ascii: "0")
        else { return nil }
        var number: UInt64 = 0
        for byte in text {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            number = number * 10 + UInt64(byte - UInt8(ascii: "0"))
        }
        return number
    }
}
