import Keyring
import TestSupport
import Testing

@testable import Gateway

struct RecentBarriersTests {
    private static let remembered = 64

    private let barriers: [SignalID]

    init() {
        var generator = SplitMix64(seed: 1)
        barriers = (0...Self.remembered).map { _ in
            SignalID(at: UnixTime(milliseconds: 1), using: &generator)
        }
    }

    /// Which of some barriers are new, one after the other.
    private func areNew(_ barriers: some Sequence<SignalID>, in recent: inout RecentBarriers)
        -> [Bool]
    {
        barriers.map { recent.insert($0) }
    }

    @Test func `a barrier is new once`() {
        var recent = RecentBarriers()
        let first = areNew(barriers.dropLast(), in: &recent)
        let again = areNew(barriers.dropLast(), in: &recent)
        #expect(first.allSatisfy { $0 })
        #expect(!again.contains(true))
    }

    @Test func `the oldest barrier is forgotten for a new one`() {
        var recent = RecentBarriers()
        _ = areNew(barriers, in: &recent)
        let asked = areNew([barriers[1], barriers[0], barriers[1]], in: &recent)
        #expect(asked == [false, true, true])
    }
}
