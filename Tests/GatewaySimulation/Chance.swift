import TestSupport

/// Random choices of a simulated world: the same ones for the same seed.
struct Chance: RandomNumberGenerator, Sendable {
    private var generator: SplitMix64

    var state: UInt64 { generator.state }

    init(seed: UInt64) {
        // Neighbouring seeds have nothing in common.
        generator = SplitMix64(seed: seed &* 0xD134_2543_DE82_EF95 &+ 0x2545_F491_4F6C_DD1D)
        _ = generator.next()
    }

    mutating func next() -> UInt64 { generator.next() }

    /// True with a probability in percent.
    mutating func percent(_ percentage: Int) -> Bool { next() % 100 < UInt64(percentage) }

    mutating func number<Number: FixedWidthInteger>(_ range: ClosedRange<Number>) -> Number {
        Number.random(in: range, using: &self)
    }

    mutating func element<Element>(of elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[Int(next() % UInt64(elements.count))]
    }

    /// A random span with a mean: often short, sometimes three times the mean.
    mutating func span(mean: Nanoseconds) -> Nanoseconds {
        let share = Double(next() >> 11) / Double(1 << 53)
        return Nanoseconds(Double(mean) * share * share * 3)
    }
}
