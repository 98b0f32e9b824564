import Glibc
import Keyring

/// The account that runs the executable, and the principal that it acts as.
public struct Caller: Equatable, Sendable {
    /// The login name of the account.
    public let account: Principal

    /// The principal that acts: the account itself, or the one named with `--as`.
    public let principal: Principal

    /// Whether the account may act for others and manage organizations.
    public let isOperator: Bool

    /// A caller. ``OwnerRule`` decides whether the account may act as the principal.
    ///
    /// - Parameters:
    ///   - name: The principal named with `--as`; `nil` for the account itself.
    ///   - isRoot: Whether the account's uid is 0, whatever its name.
    ///   - operators: Accounts that may act for others.
    public init(
        account: Principal,
        isRoot: Bool = false,
        as name: Principal?,
        operators: Set<String>
    ) {
        self.account = account
        isOperator = isRoot || operators.contains(account.name)
        principal = name ?? account
    }

    /// The same account, acting as another principal.
    public func acting(as principal: Principal) -> Caller {
        Caller(account: account, principal: principal, isOperator: isOperator)
    }

    private init(account: Principal, principal: Principal, isOperator: Bool) {
        self.account = account
        self.principal = principal
        self.isOperator = isOperator
    }

    /// Whether the account may act as the principal.
    var mayActAsPrincipal: Bool { principal == account || isOperator }

    /// The account of this process: the login name of its real uid.
    public static func currentAccount() -> Principal {
        let uid = getuid()
        let name = getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
        return name.flatMap { Principal($0) } ?? Principal("uid:\(uid)")!
    }
}
