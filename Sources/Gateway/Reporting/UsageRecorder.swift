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

    private let countMax: Int
    private var waiting: [Locator: UnixTime] = [:]
    private var sent: [(key: Locator, value: UnixTime)] = []
    private var repliesExpected = 0
    private var isFinal = false

    /// Whether a part of the batch in flight was not written.
    private var hasFailed = false

    /// The most uses that have waited during this round.
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
    var isWaiting: Bool { sent.isEmpty && !waiting.isEmpty }

    /// The waiting use of an organization. One in flight reaches Redis before whatever is sent next.
    func unwrittenUse(of locator: Locator) -> UnixTime? { waiting[locator] }

    /// The use of an organization in the batch in flight.
    func sentUse(of locator: Locator) -> UnixTime? {
        sent.lazy.filter { $0.key == locator }.map(\.value).max()
    }

    /// Adds a use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting.count < countMax || waiting[locator] != nil else { return }
        waiting[locator] = max(now, waiting[locator] ?? now)
    }

    /// Makes the waiting uses due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        isFinal = true
        due = now
    }

    /// The commands of the next batch, if one is due and none is in flight.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others go on waiting.
    mutating func nextBatch(
        _ cache: RecordCache,
        _ now: MonotonicTime,
        isWritable: ((UInt8) -> Bool)?
    ) -> [RedisCommand] {
        guard due <= now, sent.isEmpty else { return [] }
        roundCount = max(roundCount, waiting.count + cache.usesCount)
        let countMax = isFinal ? Self.finalBatchMax : Self.batchMax
        dequeueWaiting(countMax, isWritable)
        let isCacheDone = cache.dequeueUses(countMax - sent.count) { use in
            if isWritable?(Keyspace.shard(of: use.locator)) ?? true {
                sent.append((use.locator, use.at))
            } else {
                record(use.locator, at: use.at)
            }
        }
        if !isFinal { due = now.advanced(byMilliseconds: UInt64(pauseMilliseconds)) }
        if isCacheDone, waiting.isEmpty { roundCount = 0 }
        let commands = UseCommands.record(sent)
        repliesExpected = commands.count
        return commands
    }

    private mutating func dequeueWaiting(_ countMax: Int, _ isWritable: ((UInt8) -> Bool)?) {
        guard let isWritable else {
            while sent.count < countMax, let use = waiting.popFirst() { sent.append(use) }
            return
        }
        for (locator, at) in waiting where isWritable(Keyspace.shard(of: locator)) {
            guard sent.count < countMax else { break }
            sent.append((locator, at))
        }
        for use in sent { waiting[use.key] = nil }
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

    /// A command of the batch was answered.
    mutating func answered() {
        repliesExpected -= 1
        if repliesExpected <= 0 { endBatch() }
    }

    /// A command of the batch was not carried out. The batch is written again once the others are answered.
    mutating func failed() {
        hasFailed = true
        answered()
    }

    private mutating func endBatch() {
        if hasFailed { keepSent() }
        hasFailed = false
        sent.removeAll(keepingCapacity: true)
    }

    private mutating func keepSent() {
        waiting.merge(sent.map { ($0.key, $0.value) }) { max($0, $1) }
    }

    /// The batch may be lost. To write it again does no harm.
    mutating func requeue(_ now: MonotonicTime) {
        guard !sent.isEmpty else { return }
        keepSent()
        sent.removeAll()
        due = now
    }
}
