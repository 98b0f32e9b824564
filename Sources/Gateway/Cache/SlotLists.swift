import KeyFormat
import RedisClient

/// The cache's records by their slots in a cluster: what is known of a slot is forgotten when it moves.
final class SlotLists {
    private static let none = UInt32.max

    /// The first record of each slot's list.
    private let heads: UnsafeMutablePointer<UInt32>

    /// The next record of each record's list.
    private let links: UnsafeMutablePointer<UInt32>

    init(countMax: Int) {
        heads = .allocate(capacity: Slot.count)
        heads.initialize(repeating: Self.none, count: Slot.count)
        links = .allocate(capacity: countMax)
    }

    deinit {
        heads.deallocate()
        links.deallocate()
    }

    /// Adds a record that is in no list.
    func add(_ record: Int, _ slot: Slot) {
        links.advanced(by: record).initialize(to: heads[slot.number])
        heads[slot.number] = UInt32(record)
    }

    /// Removes a record from its slot's list. That is short: there are many slots.
    func remove(_ record: Int, _ slot: Slot) {
        guard heads[slot.number] != UInt32(record) else {
            heads[slot.number] = links[record]
            return
        }
        var before = heads[slot.number]
        while before != Self.none, links[Int(before)] != UInt32(record) {
            before = links[Int(before)]
        }
        if before != Self.none { links[Int(before)] = links[record] }
    }

    /// Passes each record in a slot to `body`.
    func forEach(in slot: Slot, _ body: (Int) -> Void) {
        var record = heads[slot.number]
        while record != Self.none {
            body(Int(record))
            record = links[Int(record)]
        }
    }
}

extension Slot {
    /// The slot of an organization's record.
    init(of locator: Locator) {
        self = locator.withDigits { Slot(ofTag: $0) }
    }
}
