import KeyFormat
import RedisClient

/// An audit entry to be written: what a principal did to an organization, or was refused.
public struct AuditEntry: Sendable {
    /// The operations that are audited.
    public enum Action: String, Sendable {
        case register
        case transfer
        case remove
        case generate
        case revoke
        case seal
        case `import`
        case status
        case audit
        case list
        case export
    }

    /// Number of entries that each list of an organization keeps.
    static let countMax = 1000

    /// The stored entry: `name=value` pairs separated by spaces. A list of a few such entries takes a
    /// few hundred bytes of Redis' memory, where a stream takes 4 kB.
    let text: String

    /// - Parameters:
    ///   - principal: The principal that performed the action.
    ///   - account: The account that ran the executable on behalf of the principal.
    ///   - address: The address of the principal's client, if the account knows it.
    ///   - newOwner: The owner after the action, if the action changed it.
    ///   - time: When the action was performed.
    public init(
        _ action: Action,
        by principal: Principal,
        account: Principal,
        from address: ClientAddress? = nil,
        newOwner: Principal? = nil,
        at time: UnixTime
    ) {
        let owner = newOwner.map { " owner=\($0)" } ?? ""
        let from = address.map { " from=\($0)" } ?? ""
        text =
            "at=\(time.milliseconds) what=\(action.rawValue) who=\(principal) via=\(account)"
            + owner + from
    }

    /// Appends the entry of a completed action.
    func commands(_ locator: Locator) -> [RedisCommand] { commands(Keyspace.audit(locator)) }

    /// Appends the entry of a refused action. It has a list of its own: refused attempts cannot push
    /// completed actions out.
    public func refusal(_ locator: Locator) -> [RedisCommand] {
        commands(Keyspace.attempts(locator))
    }

    /// As many commands as ``refusal(_:)``, which write nothing: whoever is refused cannot tell by the time
    /// that it takes whether there is an organization.
    public static func nothing(_ locator: Locator) -> [RedisCommand] {
        let key = Keyspace.attempts(locator)
        let trim = RedisCommand("LTRIM", .bytes(key), .number(-countMax), "-1")
        return [trim, trim]
    }

    private func commands(_ key: [UInt8]) -> [RedisCommand] {
        [
            RedisCommand("RPUSH", .bytes(key), .text(text)),
            RedisCommand("LTRIM", .bytes(key), .number(-Self.countMax), "-1"),
        ]
    }
}
