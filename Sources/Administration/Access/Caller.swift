import Glibc
import Keyring

/// The account that runs the executable, and the principal that it acts as.
public struct Caller: Equatable, Sendable {
    /// The login name of the account.
    public let account: Principal

    /// The principal that acts: the account itself, or the one named with `--as`.
    public private(set) var principal: Principal

    /// Whether the account may act for others and manage organizations.
    public let isOperator: Bool

    /// Whether the account may manage keys for others, and nothing else.
    public let isDelegate: Bool

    /// Where the principal's request came from, for the audit; `nil` if the account does not know it.
    public let address: ClientAddress?

    /// A caller. ``OwnerRule`` decides whether the account may act as the principal.
    ///
    /// - Parameters:
    ///   - name: The principal named with `--as`; `nil` for the account itself.
    ///   - isRoot: Whether the account's uid is 0, whatever its name.
    ///   - address: The address of the principal's client.
    ///   - operators: Accounts that may act for others and manage organizations.
    ///   - delegates: Accounts that may manage keys for others.
    public init(
        account: Principal,
        isRoot: Bool = false,
        as name: Principal?,
        from address: ClientAddress? = nil,
        operators: Set<String>,
        delegates: Set<String> = []
    ) {
        self.account = account
        isOperator = isRoot || operators.contains(account.name)
        isDelegate = delegates.contains(account.name)
        principal = name ?? account
        self.address = address
    }

    /// The same account, acting as another principal.
    public func acting(as principal: Principal) -> Caller {
        var caller = self
        caller.principal = principal
        return caller
    }

    /// Whether the account may act as any principal.
    public var mayActForOthers: Bool { isOperator || isDelegate }

    /// Whether the account may act as the principal.
    var mayActAsPrincipal: Bool { principal == account || mayActForOthers }

    /// The account of this process: the login name of its real uid.
    public static func currentAccount() -> Principal {
        let uid = getuid()
        let name = getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
        return name.flatMap { Principal($0) } ?? Principal("uid:\(uid)")!
    }
}
