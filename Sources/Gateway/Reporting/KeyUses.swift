import KeyFormat
import Keyring
import RedisClient

/// Uses of keys until the store has them: last uses, and refused uses of former keys.
///
/// They are written in batches, or at once for one organization that somebody asks about.
struct KeyUses: ~Copyable {
    /// Organizations without a cached record whose last use may wait.
    private static let lastUsesMax = 65_536

    private let cache: RecordCache
    private var lastUses = UsageRecorder(countMax: lastUsesMax)
    private var refusals = RefusalRecorder()

    init(_ cache: RecordCache) {
        self.cache = cache
    }

    /// Number of organizations with uses that the store has not confirmed.
    var unconfirmedCount: Int { lastUses.count + cache.usesCount + refusals.count }

    /// When the next batch is due.
    var due: MonotonicTime {
        let hasLastUses = lastUses.isWaiting || (cache.usesCount > 0 && !lastUses.isInFlight)
        return min(
            hasLastUses ? lastUses.due : .never,
            refusals.count > 0 ? refusals.due : .never
        )
    }

    /// Counts what a decision means for its organization.
    ///
    /// - Parameter slot: Where the cache has its record, if that is known already.
    mutating func note(_ decision: Decision, slot: Int? = nil, at now: UnixTime) {
        guard let locator = decision.locator else { return }
        switch decision.result {
        case .allowed:
            if let slot = slot ?? cache.slot(of: locator) {
                cache.noteUse(slot, at: now)
            } else {
                lastUses.record(locator, at: now)
            }
        case .revoked: refusals.record(locator, at: now)
        case .malformed, .forged, .expired, .unavailable: break
        }
    }

    /// Takes over the last use of an evicted record.
    mutating func keep(_ use: RecordCache.Use) {
        lastUses.record(use.locator, at: use.at)
    }

    /// The commands of the next batches that are due.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others go on waiting.
    mutating func nextCommands(_ now: MonotonicTime, isWritable: ((UInt8) -> Bool)? = nil) -> [(
        RedisCommand, CommandTag.Purpose
    )] {
        lastUses.nextBatch(cache, now, isWritable: isWritable).map { ($0, .lastUses) }
            + refusals.nextBatch(now, isWritable: isWritable).map { ($0, .refusedUses) }
    }

    /// The commands that write the uses of one organization. A last use stays in its batch: written
    /// twice, it does no harm.
    ///
    /// - Parameter includesSent: Whether that includes a use in the batch in flight.
    mutating func flush(_ locator: Locator, includesSent: Bool = false) -> [(
        RedisCommand, CommandTag.Purpose
    )] {
        let sent = includesSent ? lastUses.sentUse(of: locator) : nil
        let lastUse = [cache.unwrittenUse(of: locator), lastUses.unwrittenUse(of: locator), sent]
            .compactMap(\.self).max()
        let lastUseCommands =
            lastUse.map { UseCommands.record(CollectionOfOne((key: locator, value: $0))) } ?? []
        let refusalCommands =
            refusals.remove(locator).map { RefusalCommands.record($0, of: locator) } ?? []
        return lastUseCommands.map { ($0, .flushedUse) }
            + refusalCommands.map { ($0, .refusedUses) }
    }

    /// A command of the last uses' batch was answered.
    mutating func answered() {
        lastUses.answered()
    }

    /// A command of the last uses' batch was not carried out.
    mutating func failed() {
        lastUses.failed()
    }

    /// The connection was lost, and perhaps the batch with it.
    mutating func connectionLost(_ now: MonotonicTime) {
        lastUses.requeue(now)
    }

    /// Makes everything due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        lastUses.flushNow(now)
        refusals.flushNow(now)
    }
}
