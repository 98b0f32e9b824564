import KeyFormat
import Keyring
import RedisClient

/// Collects last uses, so that the store hears of them in batches and a request never waits for
/// one.
///
/// Uses of records that the cache keeps are noted there, at no cost; here are the others, and the
/// batch that is under way.
struct UsageRecorder {
    /// How long a use may wait before it is sent, where few organizations are active.
    private static let pauseMilliseconds: UInt64 = 1000

    /// The same, where they are more than a batch: each is then sent less often.
    private static let busyPauseMilliseconds: UInt64 = 4000

    /// Uses that are sent at a time: the next go out when these are answered.
    private static let batchMax = 1000

    private let countMax: Int
    private var waiting: [Locator: UnixTime] = [:]
    private var sent: [(key: Locator, value: UnixTime)] = []
    private var repliesExpected = 0

    /// Uses that were sent since all were looked through the last time.
    private var roundCount = 0
    private var isHurried = false

    /// When the next batch may be sent.
    private(set) var due = MonotonicTime.origin

    /// - Parameter countMax: Organizations of which a use may wait; uses of others are dropped
    ///   until the next batch.
    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Whether the store knows of all uses that were recorded here.
    var isEmpty: Bool { waiting.isEmpty && sent.isEmpty }

    /// Whether a batch has not been answered.
    var isUnderWay: Bool { !sent.isEmpty }

    /// Whether uses wait for the next batch.
    var isWaiting: Bool { sent.isEmpty && !waiting.isEmpty }

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
        while sent.count < Self.batchMax, let use = waiting.popFirst() { sent.append(use) }
        let isRoundOver = cache.takeUses(Self.batchMax - sent.count) { use in
            sent.append((use.locator, use.at))
        }
        roundCount += sent.count
        if isRoundOver, waiting.isEmpty, !isHurried { endRound(now) }
        let commands = UseCommands.record(sent)
        repliesExpected = commands.count
        return commands
    }

    private mutating func endRound(_ now: MonotonicTime) {
        let isBusy = roundCount > Self.batchMax
        roundCount = 0
        due = now.advanced(
            byMilliseconds: isBusy ? Self.busyPauseMilliseconds : Self.pauseMilliseconds
        )
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
