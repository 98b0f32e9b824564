import KeyFormat
import Keyring

/// Last uses that wait to be written, by shard: those of a shard that cannot be written cost the others no time.
struct WaitingUses {
    private static let shardCount = 1 + Int(UInt8.max)

    private var shards = [[Locator: UnixTime]](repeating: [:], count: shardCount)

    /// The shard that the next batch begins with, so that each has its turn.
    private var first = 0

    private(set) var count = 0

    /// Number of uses in some shards.
    func count(where isIncluded: (UInt8) -> Bool) -> Int {
        shards.indices.reduce(0) { count, shard in
            shards[shard].isEmpty || !isIncluded(UInt8(shard)) ? count : count + shards[shard].count
        }
    }

    subscript(locator: Locator) -> UnixTime? { shards[shard(locator)][locator] }

    /// Adds a use, unless a later one waits.
    mutating func add(_ locator: Locator, at time: UnixTime) {
        let former = shards[shard(locator)][locator]
        shards[shard(locator)][locator] = max(time, former ?? time)
        if former == nil { count += 1 }
    }

    /// Moves at most `countMax` uses of writable shards to a batch.
    mutating func move(
        _ countMax: Int,
        to batch: inout [UsageRecorder.Use],
        _ isWritable: (UInt8) -> Bool
    ) {
        var left = min(countMax, count)
        for offset in 0..<Self.shardCount where left > 0 {
            let shard = (first + offset) % Self.shardCount
            guard !shards[shard].isEmpty, isWritable(UInt8(shard)) else { continue }
            let moved = Array(shards[shard].prefix(left))
            for use in moved { shards[shard][use.key] = nil }
            batch += moved
            left -= moved.count
            count -= moved.count
            if left == 0 { first = shard + 1 }
        }
    }

    private func shard(_ locator: Locator) -> Int { Int(Keyspace.shard(of: locator)) }
}
