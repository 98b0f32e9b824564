import KeyFormat
import Keyring
import RedisClient

/// Counts refused uses of former keys, which owners see in `status`.
struct RefusalRecorder {
    /// How often counts are written.
    private static let pauseMilliseconds: UInt64 = 1000

    /// Organizations whose counts may wait. Refused uses of others are not counted until the next
    /// batch.
    private static let countMax = 1000

    private var waiting: [Locator: RefusedUses] = [:]

    /// When the next batch is due.
    private(set) var due = MonotonicTime.origin

    init() {
        waiting.reserveCapacity(Self.countMax)
    }

    /// Number of organizations whose counts wait.
    var count: Int { waiting.count }

    /// Counts a refused use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting[locator]?.add(at: now) == nil, waiting.count < Self.countMax else { return }
        waiting[locator] = RefusedUses(count: 1, lastAt: now)
    }

    /// Removes the count of one organization, if there is one. Like a batch it is never repeated.
    mutating func remove(_ locator: Locator) -> RefusedUses? {
        waiting.removeValue(forKey: locator)
    }

    /// Makes the waiting counts due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        due = now
    }

    /// The commands of the next batch with their shards, if one is due. A lost batch is not repeated: it
    /// might count twice.
    ///
    /// - Parameter isWritable: Whether the counts of a shard can be written now; the others go on waiting.
    mutating func nextBatch(_ now: MonotonicTime, _ isWritable: (UInt8) -> Bool) -> [(
        shard: UInt8, command: RedisCommand
    )] {
        guard due <= now, !waiting.isEmpty else { return [] }
        due = now.advanced(byMilliseconds: Self.pauseMilliseconds)
        let batch = waiting.filter { isWritable(Keyspace.shard(of: $0.key)) }
        for locator in batch.keys { waiting[locator] = nil }
        return batch.sorted { $0.key.tableHash < $1.key.tableHash }
            .flatMap { locator, refused in
                RefusalCommands.record(refused, of: locator)
                    .map { (Keyspace.shard(of: locator), $0) }
            }
    }
}
