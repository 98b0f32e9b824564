/// Comparison in a time that does not depend on where the values differ.
enum ConstantTime {
    @inline(__always)
    static func equal<let count: Int>(
        _ left: InlineArray<count, UInt64>,
        _ right: InlineArray<count, UInt64>
    ) -> Bool {
        var difference: UInt64 = 0
        for index in 0..<count { difference |= left[index] ^ right[index] }
        return difference == 0
    }
}
