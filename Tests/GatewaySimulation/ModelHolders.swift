/// Which server holds each slot. Slots move alone, or with all others of their shard.
struct ModelHolders {
    /// Slots that are held together: a shard without those that have moved alone, or one of these.
    enum Part: Hashable {
        case shard(Int)
        case slot(Int)
    }

    /// The holders of what was never moved alone.
    private var shards: [Int]
    private var alone: [Int: Int] = [:]

    /// - Parameter shardCount: Each server holds as many slots.
    init(shardCount: Int) { shards = Array(0..<shardCount) }

    private func shard(of slot: Int) -> Int { slot * shards.count / ModelSlots.count }

    private func firstSlot(ofShard shard: Int) -> Int {
        (shard * ModelSlots.count + shards.count - 1) / shards.count
    }

    subscript(slot: Int) -> Int {
        get { self[.slot(slot)] }
        set { self[.slot(slot)] = newValue }
    }

    subscript(part: Part) -> Int {
        get {
            switch part {
            case .shard(let shard): shards[shard]
            case .slot(let slot): alone[slot] ?? shards[shard(of: slot)]
            }
        }
        set {
            switch part {
            case .shard(let shard): shards[shard] = newValue
            case .slot(let slot): alone[slot] = newValue
            }
        }
    }

    /// The servers that hold anything, in order.
    var servers: [Int] { Set(shards + alone.values).sorted() }

    /// All parts, in order, and those of another view.
    func parts(with other: ModelHolders) -> [Part] {
        shards.indices.map { Part.shard($0) }
            + Set(alone.keys).union(other.alone.keys).sorted().map { Part.slot($0) }
    }

    /// Keeps apart what another view does: such a slot stays where it is when its shard gets another holder.
    mutating func split(like other: ModelHolders) {
        for slot in other.alone.keys { self[slot] = self[slot] }
    }

    /// Whether a slot belongs to a part.
    func contains(_ slot: Int, in part: Part) -> Bool {
        switch part {
        case .shard(let shard): alone[slot] == nil && self.shard(of: slot) == shard
        case .slot(let other): slot == other
        }
    }

    /// Neighbouring slots with the same holder.
    var runs: [(slots: ClosedRange<Int>, holder: Int)] {
        let starts = shards.indices.map(firstSlot) + alone.keys.flatMap { [$0, $0 + 1] }
        let firsts = Set(starts).filter { $0 < ModelSlots.count }.sorted()
        var runs: [(slots: ClosedRange<Int>, holder: Int)] = []
        for (index, first) in firsts.enumerated() {
            let next = index + 1 < firsts.count ? firsts[index + 1] : ModelSlots.count
            if let last = runs.last, last.holder == self[first] {
                runs[runs.count - 1].slots = last.slots.lowerBound...next - 1
            } else {
                runs.append((first...next - 1, self[first]))
            }
        }
        return runs
    }
}

extension ModelHolders: Equatable {
    static func == (left: ModelHolders, right: ModelHolders) -> Bool {
        left.parts(with: right).allSatisfy { left[$0] == right[$0] }
    }
}
