/// Slots with a last use to be written, grouped by shard: a batch then goes to few of the store's keys, and a shard
/// that cannot be written is passed over.
struct DirtySlots: ~Copyable {
    private struct Links {
        var next: UInt32
        var previous: UInt32
    }

    private static let shardCount = 1 + Int(UInt8.max)

    /// The neighbours of each slot in the ring of its shard, oldest first. Each ring has a head, after all slots.
    private let links: UnsafeMutablePointer<Links>
    private let countMax: Int

    /// How many slots each shard has.
    private var counts = [Int](repeating: 0, count: shardCount)

    /// The shard that is being emptied; -1 before the first.
    private var shard = -1

    /// How many of its slots are left, apart from those that are added meanwhile.
    private var left = 0

    init(countMax: Int) {
        self.countMax = countMax
        links = .allocate(capacity: countMax + Self.shardCount)
        for head in countMax..<countMax + Self.shardCount {
            let none = Links(next: UInt32(head), previous: UInt32(head))
            links.advanced(by: head).initialize(to: none)
        }
    }

    deinit {
        links.deallocate()
    }

    /// Number of slots in some shards.
    func count(where isIncluded: (UInt8) -> Bool) -> Int {
        counts.indices.reduce(0) { count, shard in
            counts[shard] == 0 || !isIncluded(UInt8(shard)) ? count : count + counts[shard]
        }
    }

    /// Adds a slot that is in no ring.
    mutating func add(_ slot: Int, shard: UInt8) {
        let head = countMax + Int(shard)
        let last = links[head].previous
        links.advanced(by: slot).initialize(to: Links(next: UInt32(head), previous: last))
        links[Int(last)].next = UInt32(slot)
        links[head].previous = UInt32(slot)
        counts[Int(shard)] += 1
    }

    /// Removes a slot from the ring of its shard.
    mutating func remove(_ slot: Int, shard: UInt8) {
        let (next, previous) = (links[slot].next, links[slot].previous)
        links[Int(previous)].next = next
        links[Int(next)].previous = previous
        counts[Int(shard)] -= 1
    }

    /// The next slot, which the caller removes; `nil` once past the last shard, after which it starts over.
    mutating func next(_ isWritable: (UInt8) -> Bool) -> Int? {
        while shard < Self.shardCount {
            if left > 0, counts[shard] > 0, isWritable(UInt8(shard)) {
                left -= 1
                return Int(links[countMax + shard].next)
            }
            shard += 1
            left = shard < Self.shardCount ? counts[shard] : 0
        }
        shard = -1
        return nil
    }
}
