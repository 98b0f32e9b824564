import KeyFormat
import Keyring
import RedisClient

/// Collects last uses, so that the store hears of them in batches and a request never waits for
/// one.
struct UsageRecorder {
    /// How long a use may wait before it is sent.
    private static let pauseMilliseconds: UInt64 = 1000

    private let countMax: Int
    private var waiting: [Locator: UnixTime] = [:]
    private var sent: [Locator: UnixTime] = [:]
    private var repliesExpected = 0
    private var due = MonotonicTime.never

    /// - Parameter countMax: Organizations of which a use may wait; uses of others are dropped
    ///   until the next batch.
    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Whether the store knows of all uses.
    var isEmpty: Bool { waiting.isEmpty && sent.isEmpty }

    /// When a batch is to be sent.
    var deadline: MonotonicTime { sent.isEmpty ? due : .never }

    /// Notes a use.
    mutating func record(_ locator: Locator, at now: ClockReading) {
        if waiting.isEmpty { due = now.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds) }
        guard waiting.count < countMax || waiting[locator] != nil else { return }
        waiting[locator] = now.unix
    }

    /// Makes the uses that wait due at once: the worker ends.
    mutating func hurry(_ now: MonotonicTime) {
        if !waiting.isEmpty { due = now }
    }

    /// The commands of the next batch. One batch is under way at a time.
    mutating func takeBatch() -> [RedisCommand] {
        guard sent.isEmpty, !waiting.isEmpty else { return [] }
        swap(&sent, &waiting)
        due = .never
        let commands = UseCommands.record(sent)
        repliesExpected = commands.count
        return commands
    }

    /// One of the batch's commands was answered.
    mutating func answered() {
        repliesExpected -= 1
        if repliesExpected <= 0 { sent.removeAll(keepingCapacity: true) }
    }

    /// The batch may be lost: it is to be sent again, which does no harm.
    mutating func resend(_ now: MonotonicTime) {
        guard !sent.isEmpty else { return }
        waiting.merge(sent) { max($0, $1) }
        sent.removeAll()
        due = now
    }
}
