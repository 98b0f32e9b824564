/// SplitMix64 (Steele, Lea, Flood, 2014): small, fast, and the same numbers everywhere.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// The generator of one input of a run.
    init(seed: UInt64, input: UInt64) {
        var run = SplitMix(seed: seed)
        state = run.next() ^ (input &* 0xD1B5_4A32_D192_ED03)
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }

    /// A number from 0 to below a limit, which is small: the tiny preference for low numbers does not
    /// matter here.
    mutating func below(_ limit: Int) -> Int {
        Int(truncatingIfNeeded: ((next() >> 32) &* UInt64(limit)) >> 32)
    }

    /// True once in so many times.
    mutating func once(in times: Int) -> Bool { below(times) == 0 }

    mutating func byte() -> UInt8 { UInt8(truncatingIfNeeded: next() >> 56) }

    mutating func element<Element>(_ elements: [Element]) -> Element {
        elements[below(elements.count)]
    }

    /// Bytes of any value.
    mutating func bytes(count: Int) -> [UInt8] {
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
    mutating func bytes(count: Int, of alphabet: [UInt8]) -> [UInt8] {
        (0..<count).map { _ in element(alphabet) }
    }
}
