/// Slots whose records were used, until the uses are taken to be written down: those of a shard one
/// after another, so that what is written at a time goes to few of the store's keys.
struct DirtySlots: ~Copyable {
    private static let none = UInt32.max

    /// Behind each slot the next one of its line.
    private let links: UnsafeMutablePointer<UInt32>

    /// The first slot of each shard's line.
    private var lines = [UInt32](repeating: none, count: 1 + Int(UInt8.max))

    /// The line that is being taken, apart from what is added meanwhile, and the shard behind it.
    private var taken = none
    private var shard = 0

    init(countMax: Int) {
        links = .allocate(capacity: countMax)
    }

    deinit {
        links.deallocate()
    }

    /// Adds a slot that stands in no line.
    mutating func add(_ slot: Int, shard: UInt8) {
        links.advanced(by: slot).initialize(to: lines[Int(shard)])
        lines[Int(shard)] = UInt32(slot)
    }

    /// Takes the next slot out of its line; `nil` once behind the last shard: then it begins anew.
    mutating func next() -> Int? {
        while taken == Self.none {
            guard shard < lines.count else {
                shard = 0
                return nil
            }
            swap(&taken, &lines[shard])
            shard += 1
        }
        let slot = Int(taken)
        taken = links[slot]
        return slot
    }
}
