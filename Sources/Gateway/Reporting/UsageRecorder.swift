import KeyFormat
import Keyring
import RedisClient

/// Collects last uses, so that the store hears of them in batches and a request never waits for
/// one.
///
/// Uses of records that the cache keeps are noted there, at no cost; here are the others, and the
/// batch that is under way.
struct UsageRecorder {
    /// How long a round takes in which the uses of few organizations are sent.
    private static let quietRoundMilliseconds = 1000

    /// The same where more than this are active: each is then sent less often.
    private static let quietMax = 1000
    private static let busyRoundMilliseconds = 4000

    /// Where still more are active, a round takes as long as it must for so many to be sent in a
    /// millisecond: the store is there for others, too, and who wants to know sooner asks. But not
    /// where uses are about to be dropped here.
    private static let usesPerMillisecond = 10

    /// Uses that are sent at a time. While the store writes them down, all others wait for it.
    private static let batchMax = 100

    /// The same where the worker ends: it has not much time, and no reply may take too long.
    private static let hurriedBatchMax = 10_000

    private let countMax: Int
    private var waiting: [Locator: UnixTime] = [:]
    private var sent: [(key: Locator, value: UnixTime)] = []
    private var repliesExpected = 0
    private var isHurried = false

    /// The most that have waited in this round.
    private var roundCount = 0

    /// When the next batch may be sent.
    private(set) var due = MonotonicTime.origin

    /// - Parameter countMax: Organizations of which a use may wait; uses of others are dropped
    ///   until the next batch.
    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Number of uses that were recorded here or taken, and that the store does not know yet.
    var count: Int { waiting.count + sent.count }

    /// Whether a batch has not been answered.
    var isUnderWay: Bool { !sent.isEmpty }

    /// Whether uses wait for the next batch.
    var isWaiting: Bool { sent.isEmpty && !waiting.isEmpty }

    /// The use of an organization that waits for its batch; one that is under way is before
    /// whatever is sent next.
    func unwrittenUse(of locator: Locator) -> UnixTime? { waiting[locator] }

    /// Notes a use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting.count < countMax || waiting[locator] != nil else { return }
        waiting[locator] = max(now, waiting[locator] ?? now)
    }

    /// Makes the uses that wait due at once: the worker ends.
    mutating func hurry(_ now: MonotonicTime) {
        isHurried = true
        due = now
    }

    /// The commands of the next batch, if one is due. One batch is under way at a time.
    mutating func takeBatch(_ cache: RecordCache, _ now: MonotonicTime) -> [RedisCommand] {
        guard due <= now, sent.isEmpty else { return [] }
        roundCount = max(roundCount, waiting.count + cache.usesCount)
        let countMax = isHurried ? Self.hurriedBatchMax : Self.batchMax
        while sent.count < countMax, let use = waiting.popFirst() { sent.append(use) }
        let isCacheDone = cache.takeUses(countMax - sent.count) { use in
            sent.append((use.locator, use.at))
        }
        if !isHurried { due = now.advanced(byMilliseconds: UInt64(pauseMilliseconds)) }
        if isCacheDone, waiting.isEmpty { roundCount = 0 }
        let commands = UseCommands.record(sent)
        repliesExpected = commands.count
        return commands
    }

    /// Batches are spread over the time of their round.
    private var pauseMilliseconds: Int {
        guard roundCount > 0 else { return Self.quietRoundMilliseconds }
        return roundMilliseconds * sent.count / roundCount
    }

    private var roundMilliseconds: Int {
        if roundCount <= Self.quietMax { return Self.quietRoundMilliseconds }
        if waiting.count > countMax / 2 { return Self.busyRoundMilliseconds }
        return max(Self.busyRoundMilliseconds, roundCount / Self.usesPerMillisecond)
    }

    /// One of the batch's commands was answered.
    mutating func answered() {
        repliesExpected -= 1
        if repliesExpected <= 0 { sent.removeAll(keepingCapacity: true) }
    }

    /// The batch may be lost: it is to be sent again, which does no harm.
    mutating func resend(_ now: MonotonicTime) {
        guard !sent.isEmpty else { return }
        waiting.merge(sent.map { ($0.key, $0.value) }) { max($0, $1) }
        sent.removeAll()
        due = now
    }
}
