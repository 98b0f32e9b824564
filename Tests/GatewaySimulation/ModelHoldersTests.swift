import Testing

/// Who holds a slot, where slots move alone and shards as a whole.
struct ModelHoldersTests {
    private let slot = 123

    @Test func `a slot that moved alone stays where it is when its shard gets another holder`() {
        var holders = ModelHolders(shardCount: 3)
        holders[slot] = 1
        holders[.shard(0)] = 3
        #expect(holders[slot] == 1)
        #expect(holders[slot + 1] == 3)
        #expect(holders.servers == [1, 2, 3])
    }

    @Test func `a view that has not heard of a move keeps the slot apart once it has to`() {
        var moved = ModelHolders(shardCount: 3)
        moved[slot] = 1
        var view = ModelHolders(shardCount: 3)
        view.split(like: moved)
        view[.shard(0)] = 3
        #expect(view[slot] == 0)
        #expect(view != moved)
    }

    @Test func `runs are as long as can be, and cover every slot`() {
        var holders = ModelHolders(shardCount: 3)
        holders[slot] = 1
        let runs = holders.runs
        #expect(runs.map(\.holder) == [0, 1, 0, 1, 2])
        #expect(runs.first?.slots == 0...slot - 1)
        #expect(runs.map(\.slots.count).reduce(0, +) == ModelSlots.count)
    }
}
