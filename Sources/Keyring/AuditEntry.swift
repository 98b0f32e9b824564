import KeyFormat
import RedisClient

/// What somebody did to an organization. When, the store adds itself.
public struct AuditEntry: Sendable {
    /// What can be done.
    public enum Action: String, Sendable {
        case register
        case generate
        case revoke
    }

    /// About how many entries of an organization are kept.
    private static let countKept = "1000"

    let action: Action
    let principal: Principal
    let account: Principal

    /// - Parameters:
    ///   - principal: Who did it.
    ///   - account: By way of whom: the account that ran the executable.
    public init(_ action: Action, by principal: Principal, account: Principal) {
        self.action = action
        self.principal = principal
        self.account = account
    }

    func command(_ locator: Locator) -> RedisCommand {
        var command = RedisCommand("XADD")
        command.append(Keyspace.audit(locator))
        for text in ["MAXLEN", "~", Self.countKept, "*", "what", action.rawValue] {
            command.append(text)
        }
        for text in ["who", principal.name, "via", account.name] { command.append(text) }
        return command
    }
}
