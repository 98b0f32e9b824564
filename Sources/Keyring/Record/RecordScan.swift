import KeyFormat
import RedisClient

/// Iterates over the records of all organizations, page by page.
public struct RecordScan {
    /// Approximate number of records in a page.
    private static let pageLength = 1000

    private var cursor: [UInt8]? = Array("0".utf8)
    private var seen: Set<Locator> = []

    /// A scan from the beginning.
    public init() {}

    /// Reads the next page; ``receive(_:)`` parses the reply. `nil` after the last page.
    public var next: RedisCommand? {
        cursor.map { cursor in
            RedisCommand([
                "SCAN", .bytes(cursor), "MATCH", "\(Keyspace.recordPrefix){*}", "COUNT",
                .number(Self.pageLength),
            ])
        }
    }

    /// The locators in a page, except those of earlier pages.
    ///
    /// - Throws: The error, if Redis did not send a page.
    public mutating func receive(_ reply: RedisReply) throws(RedisError) -> [Locator] {
        if let failure = reply.failure { throw failure }
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let next) = parts[0],
            case .array(let keys) = parts[1]
        else { throw RedisError("ERR unexpected reply to SCAN") }
        cursor = next.elementsEqual("0".utf8) ? nil : Array(next)
        return keys.compactMap { key in
            guard case .bulk(let text) = key, let locator = Keyspace.locator(ofRecord: text),
                seen.insert(locator).inserted
            else { return nil }
            return locator
        }
    }
}
