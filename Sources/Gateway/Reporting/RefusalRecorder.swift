import KeyFormat
import Keyring
import RedisClient

/// Counts uses of earlier keys, which were refused, so that owners hear of them.
struct RefusalRecorder {
    /// How long a count may wait before it is sent.
    private static let pauseMilliseconds: UInt64 = 1000

    /// Organizations whose counts may wait; uses of others' earlier keys are not counted until the
    /// next batch.
    private static let countMax = 1000

    private var waiting: [Locator: RefusedUses] = [:]

    /// When the next batch may be sent.
    private(set) var due = MonotonicTime.origin

    init() {
        waiting.reserveCapacity(Self.countMax)
    }

    /// Number of organizations whose counts wait to be sent.
    var count: Int { waiting.count }

    /// Counts a use.
    mutating func record(_ locator: Locator, at now: UnixTime) {
        guard waiting[locator]?.add(at: now) == nil, waiting.count < Self.countMax else { return }
        waiting[locator] = RefusedUses(count: 1, lastAt: now)
    }

    /// Takes the count of one organization, if one waits. Like a batch it is not repeated.
    mutating func take(_ locator: Locator) -> RefusedUses? {
        waiting.removeValue(forKey: locator)
    }

    /// Makes the counts that wait due at once: the worker ends.
    mutating func hurry(_ now: MonotonicTime) {
        due = now
    }

    /// The commands of the next batch, if one is due. It is not repeated where it is lost: that would
    /// count twice.
    mutating func takeBatch(_ now: MonotonicTime) -> [RedisCommand] {
        guard due <= now, !waiting.isEmpty else { return [] }
        due = now.advanced(byMilliseconds: Self.pauseMilliseconds)
        defer { waiting.removeAll(keepingCapacity: true) }
        return waiting.sorted { $0.key.tableHash < $1.key.tableHash }
            .flatMap { RefusalCommands.record($0.value, of: $0.key) }
    }
}
