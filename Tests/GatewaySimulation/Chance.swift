/// SplitMix64, and the kinds of chance that the world knows: the same ones for the same seed.
struct Chance: RandomNumberGenerator {
    private(set) var state: UInt64

    init(seed: UInt64) {
        // Neighbouring seeds are to have nothing in common.
        state = seed &* 0xD134_2543_DE82_EF95 &+ 0x2545_F491_4F6C_DD1D
        _ = next()
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// Comes true so many times in a hundred.
    mutating func percent(_ percentage: Int) -> Bool { next() % 100 < UInt64(percentage) }

    mutating func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) -> Number {
        Number.random(in: range, using: &self)
    }

    mutating func element<Element>(of elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
    }

    /// A span about a mean: often short, sometimes several times as long.
    mutating func span(mean: Nanoseconds) -> Nanoseconds {
        let share = Double(next() >> 11) / Double(1 << 53)
        return Nanoseconds(Double(mean) * share * share * 3)
    }
}
