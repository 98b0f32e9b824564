import KeyFormat
import Keyring
import RedisClient

/// Collects last uses, which are written in batches: no request waits for one.
///
/// The last uses of cached records are in the cache. Here are the others, and the batch in flight.
struct UsageRecorder {
    /// How long a round takes that writes the uses of few organizations.
    private static let quietRoundMilliseconds = 1000

    /// Above this number of active organizations each is written less often.
    private static let quietMax = 1000
    private static let busyRoundMilliseconds = Int(UseCommands.recordedWithinMilliseconds)

    /// Most uses that are written per millisecond, however long a round then takes: the store serves
    /// others too, and a `status` asks for what it needs. The limit does not hold where uses would be
    /// dropped here.
    private static let usesPerMillisecond = 10

    /// Uses of one batch. While Redis executes it, all other clients wait.
    private static let batchMax = 100

    /// The same when the worker exits: time is short, and no reply may take too long.
    private static let finalBatchMax = 10_000

    /// A shard whose uses were refused is left alone for this long.
    private static let patienceMilliseconds: UInt64 = 1000

    private let countMax: Int
    private var waiting = WaitingUses()
    private var sent: [(key: Locator, value: UnixTime)] = []

    /// The shards whose uses were refused, and when to try them again.
    private var retries: [UInt8: MonotonicTime] = [:]
    private var isFinal = false

    /// The shards of uses that were dropped.
    private var incomplete: Set<UInt8> = []

    /// The most uses that could be written during this round.
    private var roundCount = 0

    /// When the next batch is due.
    private(set) var due = MonotonicTime.origin

    /// - Parameter countMax: Organizations whose use may wait here. Uses of others are dropped until
    ///   the next batch.
    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Number of uses here, waiting or in flight.
    var count: Int { waiting.count + sent.count }

    /// Whether a batch is in flight.
    var isInFlight: Bool { !sent.isEmpty }

    /// Whether uses wait for the next batch.
    var isWaiting: Bool { sent.isEmpty && waiting.count > 0 }

    /// The use of an organization that waits, or is in flight.
    func unwrittenUse(of locator: Locator) -> UnixTime? {
        let sent = sent.lazy.filter { $0.key == locator }.map(\.value).max()
        return [waiting[locator], sent].compactMap(\.self).max()
    }

    /// Whether the last use of an organization may have been dropped, unless a later one is waiting.
    func mayLackUse(of locator: Locator) -> Bool {
        incomplete.contains(Keyspace.shard(of: locator))
    }

    /// Adds a use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting.count < countMax || waiting[locator] != nil else {
            incomplete.insert(Keyspace.shard(of: locator))
            return
        }
        waiting.add(locator, at: now)
    }

    /// Makes the waiting uses due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        isFinal = true
        due = now
    }

    /// The commands of the next batch with their shards, if one is due and none is in flight.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others go on waiting.
    mutating func nextBatch(
        _ cache: RecordCache,
        _ now: MonotonicTime,
        _ isWritable: (UInt8) -> Bool
    ) -> [(shard: UInt8, command: RedisCommand)] {
        guard due <= now, sent.isEmpty else { return [] }
        let retries = retries
        func mayWrite(_ shard: UInt8) -> Bool {
            isWritable(shard) && retries[shard, default: .origin] <= now
        }
        let count = waiting.count(where: mayWrite) + cache.usesCount(where: mayWrite)
        roundCount = max(roundCount, count)
        let isDone = fillBatch(cache, mayWrite)
        if !isFinal || sent.isEmpty {
            due = now.advanced(byMilliseconds: UInt64(pauseMilliseconds))
        }
        if isDone, waiting.count(where: mayWrite) == 0 { roundCount = 0 }
        return UseCommands.record(sent)
    }

    /// Moves waiting uses to the batch. Returns whether the cache has no others.
    private mutating func fillBatch(_ cache: RecordCache, _ isWritable: (UInt8) -> Bool) -> Bool {
        let countMax = isFinal ? Self.finalBatchMax : Self.batchMax
        waiting.move(countMax, to: &sent, isWritable)
        return cache.dequeueUses(countMax - sent.count, isWritable) { use in
            sent.append((use.locator, use.at))
        }
    }

    /// Spreads batches over their round.
    private var pauseMilliseconds: Int {
        guard roundCount > 0, !sent.isEmpty else { return Self.quietRoundMilliseconds }
        return roundMilliseconds * sent.count / roundCount
    }

    private var roundMilliseconds: Int {
        if roundCount <= Self.quietMax { return Self.quietRoundMilliseconds }
        if waiting.count > countMax / 2 { return Self.busyRoundMilliseconds }
        return max(Self.busyRoundMilliseconds, roundCount / Self.usesPerMillisecond)
    }

    /// The uses of a shard were written.
    mutating func succeeded(_ shard: UInt8) {
        retries[shard] = nil
        sent.removeAll { Keyspace.shard(of: $0.key) == shard }
    }

    /// The uses of a shard were refused: they wait again, and the shard is given time. Returns whether those of
    /// the time before were refused, too.
    mutating func failed(_ shard: UInt8, _ now: MonotonicTime) -> Bool {
        requeue(shard)
        let next = now.advanced(byMilliseconds: Self.patienceMilliseconds)
        return retries.updateValue(next, forKey: shard) != nil
    }

    /// The shards that were refused may be elsewhere now.
    mutating func retryNow(_ now: MonotonicTime) {
        guard !retries.isEmpty else { return }
        retries.removeAll()
        due = now
    }

    /// The uses of a shard may be lost. To write them again does no harm.
    mutating func lost(_ shard: UInt8, _ now: MonotonicTime) {
        requeue(shard)
        due = now
    }

    private mutating func requeue(_ shard: UInt8) {
        let uses = sent.filter { Keyspace.shard(of: $0.key) == shard }
        for use in uses { waiting.add(use.key, at: use.value) }
        sent.removeAll { Keyspace.shard(of: $0.key) == shard }
    }
}
