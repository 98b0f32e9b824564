/// Comparison whose duration tells nothing of where two values differ.
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
