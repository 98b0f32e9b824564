import KeyFormat
import Keyring
import RedisClient

/// Reads records: sends the commands, proves the replies, and fills the cache.
struct RecordReader: ~Copyable {
    /// A record that its seal proves.
    struct Record {
        /// The keys it accepts; `nil` where there is none.
        let keys: AcceptedKeys?
        /// `nil` where the store has no record.
        let version: UInt64?
        let stamp: RecordStamp?
    }

    private let cache: RecordCache
    private let seal: RecordSeal

    /// Under a lease few records are read again, and a stamp would only take memory.
    private let storesStamps: Bool
    private var recordQuery = RecordQuery.record
    private var stampQuery = RecordQuery.stamp

    init(_ cache: RecordCache, _ seal: RecordSeal, storesStamps: Bool) {
        self.cache = cache
        self.seal = seal
        self.storesStamps = storesStamps
    }

    /// Sends a read. Returns `false` where the link is not ready.
    mutating func send(
        _ read: (id: InflightReads.ID, locator: Locator),
        over link: inout RedisLink,
        _ now: MonotonicTime
    ) -> Bool {
        let hasStamp = cache.hasStamp(read.locator)
        let tag = CommandTag(
            purpose: hasStamp ? .stampRead : .recordRead,
            number: UInt64(read.id),
            sentAt: now
        )
        return hasStamp
            ? link.send(stampQuery.command(read.locator), tag: tag, now: now)
            : link.send(recordQuery.command(read.locator), tag: tag, now: now)
    }

    /// Proves the reply to a whole record.
    func record(_ reply: RedisReply, at locator: Locator) throws(RecordFault) -> Record {
        let stored = try StoredRecord(reply)
        let record = try stored.activeRecord(at: locator, seal: seal)
        let version = record?.version ?? stored.authenticatedVersion(at: locator, seal: seal)
        if let version, version < cache.version(of: locator) { throw .outdated }
        let keys = record.flatMap { AcceptedKeys($0) }
        let stamp = storesStamps && keys != nil ? stored.stamp : nil
        return Record(keys: keys, version: version, stamp: stamp)
    }

    /// The keys of a cached record that the reply shows to be unchanged; `nil` where the whole record
    /// has to be read.
    func keys(ofStamp reply: RedisReply, at locator: Locator) -> AcceptedKeys? {
        guard let stamp = RecordStamp(reply), let keys = cache.keys(ofStamped: locator, stamp)
        else {
            cache.dropStamp(locator)
            return nil
        }
        return keys
    }

    /// Caches a record if it may be. Otherwise a cached one that differs is invalidated. Returns the
    /// last use of the record that was evicted.
    func store(_ record: Record, at locator: Locator, mayCache: Bool) -> RecordCache.Use? {
        if mayCache {
            return cache.store(
                record.keys,
                version: record.version,
                stamp: record.stamp,
                for: locator
            )
        }
        if record.version != cache.version(of: locator) { cache.invalidate(locator) }
        return nil
    }
}
