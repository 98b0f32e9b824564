import KeyFormat
import RedisClient

/// An audit entry to be written: what a principal did to an organization, or was refused. Redis adds
/// the time.
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

    /// Approximate number of entries that the stream of an organization keeps.
    private static let lengthMax = 1000

    let action: Action
    let principal: Principal
    let account: Principal
    let newOwner: Principal?

    /// - Parameters:
    ///   - principal: The principal that performed the action.
    ///   - account: The account that ran the executable on behalf of the principal.
    ///   - newOwner: The owner after the action, if the action changed it.
    public init(
        _ action: Action,
        by principal: Principal,
        account: Principal,
        newOwner: Principal? = nil
    ) {
        self.action = action
        self.principal = principal
        self.account = account
        self.newOwner = newOwner
    }

    /// Appends the entry of a completed action.
    func command(_ locator: Locator) -> RedisCommand { command(Keyspace.audit(locator)) }

    /// Appends the entry of a refused action. It has a stream of its own: refused attempts cannot push
    /// completed actions out.
    public func refusal(_ locator: Locator) -> RedisCommand { command(Keyspace.attempts(locator)) }

    private func command(_ key: [UInt8]) -> RedisCommand {
        var command = RedisCommand([
            "XADD", .bytes(key), "MAXLEN", "~", .number(Self.lengthMax), "*", "what",
            .text(action.rawValue), "who", .text(principal.name), "via", .text(account.name),
        ])
        if let newOwner {
            command.append("owner")
            command.append(.text(newOwner.name))
        }
        return command
    }
}
