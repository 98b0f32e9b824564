import KeyFormat
import RedisClient

/// An audit entry as it was read. Entries are not sealed: any client that may write to the store can
/// forge them.
public struct AuditLine: Equatable, Sendable {
    /// When it happened, by the clock of Redis.
    public let at: UnixTime
    /// The name of the action, one of ``AuditEntry/Action`` unless another release wrote the entry.
    public let action: String
    /// The principal that performed the action.
    public let principal: String
    /// The account that ran the executable.
    public let account: String
    /// The owner after the action, if the action changed it.
    public let newOwner: String?
    /// Whether the action was refused.
    public let isRefused: Bool

    /// Reads the completed and the refused actions on an organization; ``lines(_:)`` parses the
    /// replies.
    public static func read(_ locator: Locator, since: UnixTime) -> [RedisCommand] {
        [Keyspace.audit(locator), Keyspace.attempts(locator)].map { key in
            RedisCommand("XRANGE", .bytes(key), .bytes(since.decimal), "+")
        }
    }

    /// The entries in the replies to ``read(_:since:)``, in the order of time. Unreadable entries are
    /// skipped.
    ///
    /// - Throws: The error, if Redis refused to read a stream.
    public static func lines(_ replies: [RedisReply]) throws(RedisError) -> [AuditLine] {
        var lines: [AuditLine] = []
        for (reply, isRefused) in zip(replies, [false, true]) {
            if let failure = reply.failure { throw failure }
            guard case .array(let entries) = reply else { continue }
            lines += entries.compactMap { AuditLine($0, isRefused: isRefused) }
        }
        // Entries of the same millisecond stay in the order of their stream.
        return lines.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    private init?(_ entry: RedisReply, isRefused: Bool) {
        guard case .array(let parts) = entry, parts.count == 2, case .bulk(let id) = parts[0],
            case .array(let texts) = parts[1], texts.count.isMultiple(of: 2),
            let at = UnixTime(decimal: id.prefix { $0 != UInt8(ascii: "-") })
        else { return nil }
        var fields: [String: String] = [:]
        for index in stride(from: 0, to: texts.count, by: 2) {
            guard case .bulk(let name) = texts[index], case .bulk(let value) = texts[index + 1]
            else { return nil }
            fields[String(decoding: name, as: UTF8.self)] = RedisError.printable(value)
        }
        guard let action = fields["what"], let principal = fields["who"],
            let account = fields["via"]
        else { return nil }
        self.at = at
        self.action = action
        self.principal = principal
        self.account = account
        self.isRefused = isRefused
        newOwner = fields["owner"]
    }
}
