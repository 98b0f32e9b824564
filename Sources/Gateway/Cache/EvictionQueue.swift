import Glibc

/// Chooses the slot that a full cache evicts: SIEVE (Zhang et al., NSDI 2024).
///
/// Slots are in the order in which they were filled. A hand moves from the oldest to the newest, skips
/// slots that were visited since it last passed, and evicts the first other one. A visit sets a bit and
/// moves nothing.
struct EvictionQueue: ~Copyable {
    private struct Links {
        var newer: UInt32
        var older: UInt32
    }

    private static let none = UInt32.max

    private let links: UnsafeMutablePointer<Links>
    private var newest = none
    private var oldest = none
    private var hand = none

    init(countMax: Int) {
        links = .allocate(capacity: countMax)
    }

    deinit {
        links.deallocate()
    }

    /// Adds a slot as the newest.
    mutating func append(_ slot: Int) {
        let slot = UInt32(slot)
        links[Int(slot)] = Links(newer: Self.none, older: newest)
        if newest == Self.none { oldest = slot } else { links[Int(newest)].newer = slot }
        newest = slot
    }

    /// Removes a slot; the queue must not be empty.
    ///
    /// - Parameter clearVisit: Clears a slot's visit; returns whether there was one.
    mutating func evict(_ clearVisit: (Int) -> Bool) -> Int {
        var slot = hand == Self.none ? oldest : hand
        while clearVisit(Int(slot)) {
            slot = links[Int(slot)].newer == Self.none ? oldest : links[Int(slot)].newer
        }
        hand = links[Int(slot)].newer
        unlink(slot)
        return Int(slot)
    }

    private mutating func unlink(_ slot: UInt32) {
        let (newer, older) = (links[Int(slot)].newer, links[Int(slot)].older)
        if newer == Self.none { newest = older } else { links[Int(newer)].older = older }
        if older == Self.none { oldest = newer } else { links[Int(older)].newer = newer }
    }
}
