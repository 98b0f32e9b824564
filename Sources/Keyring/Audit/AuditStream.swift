import KeyFormat
import RedisClient

/// The audit as releases before 0.3 wrote it: a stream of which each entry has attributes, and its time as
/// its ID. Today it is a list of ``AuditEntry`` texts under the same key.
public struct AuditStream: Sendable {
    /// The key of the stream, and of the list that takes its place.
    let key: [UInt8]

    /// The streams of completed and of refused actions that an organization may have.
    public static func all(of locator: Locator) -> [AuditStream] {
        [AuditStream(key: Keyspace.audit(locator)), AuditStream(key: Keyspace.attempts(locator))]
    }

    /// Reads the last entry as that of a list; ``isStream(_:)`` understands the reply.
    public var probe: RedisCommand { RedisCommand("LRANGE", .bytes(key), "-1", "-1") }

    /// Whether the reply to ``probe`` says that the key holds no list.
    ///
    /// - Throws: The error, if Redis refused to read it.
    public static func isStream(_ reply: RedisReply) throws(RedisError) -> Bool {
        guard let failure = reply.failure else { return false }
        guard failure.code == "WRONGTYPE" else { throw failure }
        return true
    }

    /// Watches the stream, and reads the entries that are kept, the latest first; ``texts(_:)`` understands the
    /// second reply.
    public var read: [RedisCommand] {
        [
            RedisCommand("WATCH", .bytes(key)),
            RedisCommand("XREVRANGE", .bytes(key), "+", "-", "COUNT", .number(AuditEntry.countMax)),
        ]
    }

    /// The entries of a stream as those of a list, in the order of time. What is no entry is left out.
    ///
    /// - Throws: The error, if the key holds no stream, or Redis refused to read it.
    public static func texts(_ reply: RedisReply) throws(RedisError) -> [String] {
        if let failure = reply.failure { throw failure }
        guard case .array(let entries) = reply else {
            throw RedisError("ERR unexpected reply to XREVRANGE")
        }
        return entries.reversed().compactMap(text)
    }

    /// Puts a list in the place of the stream, in a transaction.
    public func replace(by texts: [String]) -> [RedisCommand] {
        let delete = RedisCommand("DEL", .bytes(key))
        guard !texts.isEmpty else { return [delete] }
        return [delete, RedisCommand(["RPUSH", .bytes(key)] + texts.map { .text($0) })]
    }

    private static func text(_ entry: RedisReply) -> String? {
        guard case .array(let parts) = entry, parts.count == 2, case .bulk(let id) = parts[0],
            let pairs = parts[1].pairs,
            let at = UnixTime(decimal: id.prefix { $0 != UInt8(ascii: "-") })
        else { return nil }
        var values: [String: Principal] = [:]
        for (name, value) in pairs {
            // Without spaces, which separate the pairs of a list.
            guard let value = Principal(value) else { return nil }
            values[String(decoding: name, as: UTF8.self)] = value
        }
        guard let what = values["what"], let who = values["who"], let via = values["via"] else {
            return nil
        }
        let owner = values["owner"].map { " owner=\($0)" } ?? ""
        return "at=\(at.milliseconds) what=\(what) who=\(who) via=\(via)\(owner)"
    }
}
