import KeyFormat
import Keyring
import RedisClient

/// Collects last uses, which are written in batches: no request waits for one.
///
/// The last uses of cached records are in the cache. Here are the others, and the batch in flight.
struct UsageRecorder {
    typealias Use = (key: Locator, value: UnixTime)

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

    /// The same when the worker exits, and how often it then looks for what has become writable.
    private static let finalPatienceMilliseconds: UInt64 = 100

    private let countMax: Int
    private var waiting = WaitingUses()
    private var sent: [Use] = []

    /// The shards whose uses were refused, and when to try them again.
    private var retries: [UInt8: MonotonicTime] = [:]
    private var isFinal = false

    /// Organizations whose use was dropped, unless a later one was written: as many as may wait.
    private var dropped: Set<Locator> = []

    /// Whether there were more of them.
    private var hasDroppedOthers = false

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

    /// Number of uses that wait.
    var waitingCount: Int { waiting.count }

    /// Whether there can be another batch now. When the worker exits, no server waits for another one.
    var mayHaveBatch: Bool { isFinal || sent.isEmpty }

    /// The use of an organization that waits, or is in flight.
    func unwrittenUse(of locator: Locator) -> UnixTime? {
        let sent = sent.lazy.filter { $0.key == locator }.map(\.value).max()
        return [waiting[locator], sent].compactMap(\.self).max()
    }

    /// Whether the last use of an organization may have been dropped, unless a later one is waiting.
    func mayLackUse(of locator: Locator) -> Bool {
        dropped.contains(locator) || (hasDroppedOthers && locator != .nobody)
    }

    /// Adds a use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting.count < countMax || waiting[locator] != nil else {
            drop(locator)
            return
        }
        waiting.add(locator, at: now)
    }

    private mutating func drop(_ locator: Locator) {
        if dropped.count < countMax {
            dropped.insert(locator)
        } else if !dropped.contains(locator) {
            hasDroppedOthers = true
        }
    }

    /// Makes the waiting uses due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        isFinal = true
        due = now
    }

    /// The commands of the next batch with their shards, if one is due and may be sent.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others go on waiting.
    mutating func nextBatch(
        _ cache: RecordCache,
        _ now: MonotonicTime,
        _ isWritable: (UInt8) -> Bool
    ) -> [(shard: UInt8, command: RedisCommand)] {
        guard due <= now, mayHaveBatch else { return [] }
        let retries = retries
        let unanswered = Set(sent.map { Keyspace.shard(of: $0.key) })
        func mayWrite(_ shard: UInt8) -> Bool {
            isWritable(shard) && retries[shard, default: .origin] <= now
                && !unanswered.contains(shard)
        }
        let count = waiting.count(where: mayWrite) + cache.usesCount(where: mayWrite)
        roundCount = max(roundCount, count)
        let (batch, isDone) = makeBatch(cache, mayWrite)
        if !isFinal || batch.isEmpty {
            due = now.advanced(byMilliseconds: pauseMilliseconds(after: batch.count))
        }
        if isDone, waiting.count(where: mayWrite) == 0 { roundCount = 0 }
        sent += batch
        return UseCommands.record(batch)
    }

    /// Takes the uses of the next batch, and says whether the cache has no others.
    private mutating func makeBatch(_ cache: RecordCache, _ isWritable: (UInt8) -> Bool) -> (
        [Use], isDone: Bool
    ) {
        var batch: [Use] = []
        let countMax = isFinal ? Self.finalBatchMax : Self.batchMax
        waiting.move(countMax, to: &batch, isWritable)
        let isDone = cache.dequeueUses(countMax - batch.count, isWritable) { use in
            batch.append((use.locator, use.at))
        }
        return (batch, isDone)
    }

    /// Spreads batches over their round.
    private func pauseMilliseconds(after count: Int) -> UInt64 {
        if isFinal { return Self.finalPatienceMilliseconds }
        guard roundCount > 0, count > 0 else { return UInt64(Self.quietRoundMilliseconds) }
        return UInt64(roundMilliseconds * count / roundCount)
    }

    private var roundMilliseconds: Int {
        if roundCount <= Self.quietMax { return Self.quietRoundMilliseconds }
        if waiting.count > countMax / 2 { return Self.busyRoundMilliseconds }
        return max(Self.busyRoundMilliseconds, roundCount / Self.usesPerMillisecond)
    }

    /// The uses of a shard were written.
    mutating func succeeded(_ shard: UInt8) {
        retries[shard] = nil
        for use in take(shard) { dropped.remove(use.key) }
    }

    /// The uses of a shard were refused: they wait again, and the shard is given time. Returns whether those of
    /// the time before were refused, too.
    mutating func failed(_ shard: UInt8, _ now: MonotonicTime) -> Bool {
        requeue(shard)
        let next = now.advanced(
            byMilliseconds: isFinal ? Self.finalPatienceMilliseconds : Self.patienceMilliseconds
        )
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
        for use in take(shard) { waiting.add(use.key, at: use.value) }
    }

    /// Removes the uses of a shard that are in flight.
    private mutating func take(_ shard: UInt8) -> [Use] {
        let uses = sent.filter { Keyspace.shard(of: $0.key) == shard }
        sent.removeAll { Keyspace.shard(of: $0.key) == shard }
        return uses
    }
}
