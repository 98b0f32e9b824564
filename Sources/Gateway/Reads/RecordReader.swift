import KeyFormat
import Keyring
import RedisClient

/// Reads records: sends the commands, proves the replies, and fills the cache.
struct RecordReader: ~Copyable {
    /// A record that its seal proves.
    struct Record {
        /// The keys that it accepts; `nil` if there is no record.
        let keys: AcceptedKeys?
        /// `nil` where the store has no record.
        let version: UInt64?
    }

    private let cache: RecordCache
    private let seal: RecordSeal
    private var query = RecordQuery.record

    init(_ cache: RecordCache, _ seal: RecordSeal) {
        self.cache = cache
        self.seal = seal
    }

    /// Sends a read. Returns `false` where the link is not ready.
    mutating func send(
        _ read: (id: InflightReads.ID, locator: Locator),
        over link: inout RedisLink,
        _ now: MonotonicTime
    ) -> Bool {
        let tag = CommandTag(purpose: .recordRead, number: UInt64(read.id), sentAt: now)
        return link.send(query.command(read.locator), tag: tag, now: now)
    }

    /// The command that reads a record.
    mutating func command(_ locator: Locator) -> RedisCommand { query.command(locator) }

    /// Proves a node's reply to a read. A version that another node has given says nothing of this one's: the
    /// change may have been lost with it.
    func record(_ reply: RedisReply, at locator: Locator, from node: UInt8) throws(RecordFault)
        -> Record
    {
        let stored = try StoredRecord(reply)
        let record = try stored.activeRecord(at: locator, seal: seal)
        let version = record?.version ?? stored.authenticatedVersion(at: locator, seal: seal)
        if let version, version < cache.version(of: locator, from: node) { throw .outdated }
        return Record(keys: record.flatMap { AcceptedKeys($0) }, version: version)
    }

    /// Caches a node's record if it may be. Otherwise a cached one that differs is invalidated. Returns the
    /// last use of the record that was evicted.
    func store(_ record: Record, at locator: Locator, from node: UInt8, mayCache: Bool)
        -> RecordCache.Use?
    {
        if mayCache {
            return cache.store(record.keys, version: record.version, for: locator, from: node)
        }
        if record.version != cache.version(of: locator, from: node) { cache.invalidate(locator) }
        return nil
    }
}
