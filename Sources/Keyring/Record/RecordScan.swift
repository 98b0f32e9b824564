import KeyFormat
import RedisClient

/// Finds the records of all organizations, page by page.
public struct RecordScan {
    /// About how many records a page has.
    private static let pageLength = "1000"

    private var cursor: [UInt8]? = Array("0".utf8)
    private var seen: Set<Locator> = []

    /// A scan that has found nothing yet.
    public init() {}

    /// Asks for the next page; its reply is for ``take(_:)``. `nil` where there is none.
    public var next: RedisCommand? {
        guard let cursor else { return nil }
        var command = RedisCommand("SCAN")
        command.append(cursor)
        for word in ["MATCH", Keyspace.recordPrefix + "{*}", "COUNT", Self.pageLength] {
            command.append(word)
        }
        return command
    }

    /// The locators in a page that have not been found before.
    public mutating func take(_ reply: RedisReply) throws(RedisError) -> [Locator] {
        if let failure = reply.failure { throw failure }
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let next) = parts[0],
            case .array(let keys) = parts[1]
        else { throw RedisError("ERR a scan was answered with something else") }
        cursor = next.elementsEqual("0".utf8) ? nil : Array(next)
        return keys.compactMap { key in
            guard case .bulk(let text) = key, let locator = Keyspace.locator(ofRecord: text),
                seen.insert(locator).inserted
            else { return nil }
            return locator
        }
    }
}
