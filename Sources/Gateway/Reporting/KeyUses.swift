import KeyFormat
import Keyring
import RedisClient

/// Uses of keys until the store has them: last uses, and refused uses of former keys.
///
/// They are written in batches, or at once for one organization on request.
struct KeyUses: ~Copyable {
    private let cache: RecordCache
    private var lastUses: UsageRecorder
    private var refusals = RefusalRecorder()

    /// - Parameter lastUsesMax: Organizations without a cached record whose last use may wait.
    init(_ cache: RecordCache, lastUsesMax: Int = 65_536) {
        self.cache = cache
        lastUses = UsageRecorder(countMax: lastUsesMax)
    }

    /// Number of organizations with uses that the store has not confirmed.
    var unconfirmedCount: Int { lastUses.count + cache.usesCount + refusals.count }

    /// When the next batch is due.
    var due: MonotonicTime {
        let hasBatch = lastUses.mayHaveBatch && lastUses.waitingCount + cache.usesCount > 0
        return min(
            hasBatch ? lastUses.due : .never,
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

    /// The commands of the next batches that are due, with their shards.
    ///
    /// - Parameter isWritable: Whether the uses of a shard can be written now; the others go on waiting.
    mutating func nextCommands(_ now: MonotonicTime, _ isWritable: (UInt8) -> Bool) -> [(
        shard: UInt8, command: RedisCommand, purpose: CommandTag.Purpose
    )] {
        lastUses.nextBatch(cache, now, isWritable).map { ($0, $1, .lastUses) }
            + refusals.nextBatch(now, isWritable).map { ($0, $1, .refusedUses) }
    }

    /// The commands that write the uses of one organization. A last use stays in its batch: written
    /// twice, it does no harm. `nil` if the last use may have been dropped.
    mutating func flush(_ locator: Locator) -> [RedisCommand]? {
        let lastUse = [cache.unwrittenUse(of: locator), lastUses.unwrittenUse(of: locator)]
            .compactMap(\.self).max()
        if lastUse == nil, lastUses.mayLackUse(of: locator) { return nil }
        let lastUses = lastUse.map { UseCommands.record(CollectionOfOne((locator, $0))) } ?? []
        let refused = refusals.remove(locator).map { RefusalCommands.record($0, of: locator) } ?? []
        return lastUses.map(\.command) + refused
    }

    /// The last uses of a shard were written.
    mutating func succeeded(_ shard: UInt8) {
        lastUses.succeeded(shard)
    }

    /// The last uses of a shard were refused. Returns whether those of the time before were refused, too.
    mutating func failed(_ shard: UInt8, _ now: MonotonicTime) -> Bool {
        lastUses.failed(shard, now)
    }

    /// The shards whose last uses were refused may be elsewhere now.
    mutating func retryNow(_ now: MonotonicTime) {
        lastUses.retryNow(now)
    }

    /// The connection to a shard was lost, and perhaps its last uses with it.
    mutating func lost(_ shard: UInt8, _ now: MonotonicTime) {
        lastUses.lost(shard, now)
    }

    /// Makes everything due at once: the worker exits.
    mutating func flushNow(_ now: MonotonicTime) {
        lastUses.flushNow(now)
        refusals.flushNow(now)
    }
}
