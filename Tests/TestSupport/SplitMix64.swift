/// SplitMix64 (Steele, Lea, Flood, 2014): small, fast, and the same numbers everywhere.
public struct SplitMix64: RandomNumberGenerator, Sendable {
    /// Decides every number that follows.
    public private(set) var state: UInt64

    /// A generator whose numbers follow from the seed.
    public init(seed: UInt64) {
        state = seed
    }

    /// The generator for one input of a run.
    public init(seed: UInt64, input: UInt64) {
        var run = SplitMix64(seed: seed)
        state = run.next() ^ (input &* 0xD1B5_4A32_D192_ED03)
    }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0 to below a small limit. Low numbers are very slightly preferred, which does
    /// not matter in tests.
    public mutating func below(_ limit: Int) -> Int {
        Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(limit)) >> 32)
    }

    /// True in one of `times` cases.
    public mutating func once(in times: Int) -> Bool { below(times) == 0 }

    /// A byte of any value.
    public mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 56) }

    /// An element of an array that is not empty.
    public mutating func element<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    /// Bytes of any value.
    public mutating func bytes(count: Int) -> [UInt8] {
        Array(unsafeUninitializedCapacity: count) { bytes, initialized in
            var word: UInt64 = 0
            for index in 0..<count {
                word = index % 8 == 0 ? next() : word >> 8
                bytes[index] = UInt8(truncatingIfNeeded: word)
            }
            initialized = count
        }
    }

    /// Bytes out of an alphabet.
    public mutating func bytes(count: Int, of alphabet: [UInt8]) -> [UInt8] {
        (0..<count).map { _ in element(alphabet) }
    }
}
