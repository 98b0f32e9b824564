/// Slots with a last use to be written, grouped by shard: a batch then goes to few of the store's keys.
struct DirtySlots: ~Copyable {
    private static let none = UInt32.max

    /// The next slot of each slot's list.
    private let links: UnsafeMutablePointer<UInt32>

    /// The first slot of each shard's list.
    private var lists = [UInt32](repeating: none, count: 1 + Int(UInt8.max))

    /// The rest of the list that is being emptied, apart from what is added meanwhile, and the shard
    /// after it.
    private var current = none
    private var shard = 0

    init(countMax: Int) {
        links = .allocate(capacity: countMax)
    }

    deinit {
        links.deallocate()
    }

    /// Adds a slot that is in no list.
    mutating func add(_ slot: Int, shard: UInt8) {
        links.advanced(by: slot).initialize(to: lists[Int(shard)])
        lists[Int(shard)] = UInt32(slot)
    }

    /// Removes the next slot; `nil` once past the last shard, after which it starts over.
    mutating func next() -> Int? {
        while current == Self.none {
            guard shard < lists.count else {
                shard = 0
                return nil
            }
            swap(&current, &lists[shard])
            shard += 1
        }
        let slot = Int(current)
        current = links[slot]
        return slot
    }
}
