import KeyFormat
import RedisClient

/// An entry of the audit, as it was read. Entries are not sealed: whoever writes to the store can
/// write them.
public struct AuditLine: Equatable, Sendable {
    /// When it was, by the store's clock.
    public let at: UnixTime
    /// What was done, or was not allowed.
    public let what: String
    /// Who did it.
    public let who: String
    /// By way of whom.
    public let via: String
    /// Who owns the organization since, where that has changed.
    public let newOwner: String?
    /// Whether it was refused.
    public let isRefused: Bool

    /// Asks for what was done to an organization since a moment, and for what was refused; the
    /// replies are for ``lines(_:)``.
    public static func read(_ locator: Locator, since: UnixTime) -> [RedisCommand] {
        [Keyspace.audit(locator), Keyspace.attempts(locator)].map { key in
            var command = RedisCommand("XRANGE")
            command.append(key)
            command.append(since.decimal)
            command.append("+")
            return command
        }
    }

    /// The entries in the replies to ``read(_:since:)``, the earliest first. What cannot be read as
    /// one is passed over.
    public static func lines(_ replies: [RedisReply]) throws(RedisError) -> [AuditLine] {
        var lines: [AuditLine] = []
        for (reply, isRefused) in zip(replies, [false, true]) {
            if let failure = reply.failure { throw failure }
            guard case .array(let entries) = reply else { continue }
            lines += entries.compactMap { AuditLine($0, isRefused: isRefused) }
        }
        // Of the same millisecond, those of one stream stay in their order.
        return lines.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private init?(_ entry: RedisReply, isRefused: Bool) {
        guard case .array(let parts) = entry, parts.count == 2, case .bulk(let id) = parts[0],
            case .array(let texts) = parts[1], texts.count.isMultiple(of: 2),
            let at = UnixTime(decimal: id.prefix { $0 != UInt8(ascii: "-") })
        else { return nil }
        var words: [String: String] = [:]
        for index in stride(from: 0, to: texts.count, by: 2) {
            guard case .bulk(let name) = texts[index], case .bulk(let value) = texts[index + 1]
            else { return nil }
            words[String(decoding: name, as: UTF8.self)] = RedisError.printable(value)
        }
        guard let what = words["what"], let who = words["who"], let via = words["via"] else {
            return nil
        }
        self.at = at
        self.what = what
        self.who = who
        self.via = via
        self.isRefused = isRefused
        newOwner = words["owner"]
    }
}
