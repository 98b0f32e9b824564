import KeyFormat
import RedisClient

/// What somebody did to an organization, or was not allowed to do. When, the store adds itself.
public struct AuditEntry: Sendable {
    /// What can be done.
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

    /// About how many entries of an organization are kept.
    private static let countKept = "1000"

    let action: Action
    let principal: Principal
    let account: Principal
    let newOwner: Principal?

    /// - Parameters:
    ///   - principal: Who did it.
    ///   - account: By way of whom: the account that ran the executable.
    ///   - newOwner: Who owns the organization since, where that has changed.
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

    /// Adds the entry of something that was done.
    func command(_ locator: Locator) -> RedisCommand { command(Keyspace.audit(locator)) }

    /// Adds the entry of something that was refused. It is kept apart, so that nobody drives out
    /// what was done by having much refused.
    public func refusal(_ locator: Locator) -> RedisCommand { command(Keyspace.attempts(locator)) }

    private func command(_ key: [UInt8]) -> RedisCommand {
        var command = RedisCommand("XADD")
        command.append(key)
        for text in ["MAXLEN", "~", Self.countKept, "*", "what", action.rawValue] {
            command.append(text)
        }
        for text in ["who", principal.name, "via", account.name] { command.append(text) }
        if let newOwner {
            command.append("owner")
            command.append(newOwner.name)
        }
        return command
    }
}
