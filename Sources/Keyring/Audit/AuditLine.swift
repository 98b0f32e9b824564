import KeyFormat
import RedisClient

/// An audit entry as it was read. Entries are not sealed: any client that may write to the store can
/// forge them.
public struct AuditLine: Equatable, Sendable {
    /// When it happened, by the clock of the executable.
    public let at: UnixTime
    /// The name of the action, one of ``AuditEntry/Action`` unless another release wrote the entry.
    public let action: String
    /// The principal that performed the action.
    public let principal: String
    /// The account that ran the executable.
    public let account: String
    /// The owner after the action, if the action changed it.
    public let newOwner: String?
    /// The address of the principal's client, if the account knew it.
    public let address: String?
    /// Whether the action was refused.
    public let isRefused: Bool

    /// Reads the completed and the refused actions on an organization; ``lines(_:since:)`` parses the
    /// replies.
    public static func read(_ locator: Locator) -> [RedisCommand] {
        [Keyspace.audit(locator), Keyspace.attempts(locator)].map { key in
            RedisCommand("LRANGE", .bytes(key), .number(-AuditEntry.countMax), "-1")
        }
    }

    /// The entries in the replies to ``read(_:)``, in the order of time. Unreadable entries are
    /// skipped.
    ///
    /// - Throws: The error, if Redis refused to read a list.
    public static func lines(_ replies: [RedisReply], since: UnixTime) throws(RedisError)
        -> [AuditLine]
    {
        var lines: [AuditLine] = []
        for (reply, isRefused) in zip(replies, [false, true]) {
            if let failure = reply.failure { throw failure }
            guard case .array(let entries) = reply else { continue }
            lines += entries.compactMap { AuditLine($0, isRefused: isRefused) }
        }
        // Entries of the same millisecond stay in the order of their list.
        return lines.filter { since <= $0.at }.enumerated()
            .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
            .map(\.element)
    }

    /// Attributes of later releases are skipped.
    private init?(_ entry: RedisReply, isRefused: Bool) {
        guard case .bulk(let text) = entry, let values = NamedValues.parse(text),
            let at = values["at"].flatMap({ UnixTime(decimal: $0) }),
            let action = values["what"], let principal = values["who"], let account = values["via"]
        else { return nil }
        self.at = at
        self.action = RedisError.printable(action)
        self.principal = RedisError.printable(principal)
        self.account = RedisError.printable(account)
        self.isRefused = isRefused
        newOwner = values["owner"].map(RedisError.printable)
        address = values["from"].map(RedisError.printable)
    }
}
