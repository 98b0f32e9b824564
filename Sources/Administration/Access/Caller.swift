import Glibc
import Keyring

/// Who runs the executable, and as whom.
public struct Caller: Equatable, Sendable {
    /// The login name of the account.
    public let account: Principal

    /// Who acts: the account itself, or the one named with `--as`.
    public let principal: Principal

    /// Whether the account may act for others and manage organizations.
    public let isOperator: Bool

    /// A caller. Whether the account may act as that principal, ``OwnerRule`` says.
    ///
    /// - Parameters:
    ///   - name: The principal named with `--as`.
    ///   - isRoot: Whether the account is root by its number, whatever it is called.
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

    /// The same account, acting as somebody else.
    public func acting(as principal: Principal) -> Caller {
        Caller(account: account, principal: principal, isOperator: isOperator)
    }

    private init(account: Principal, principal: Principal, isOperator: Bool) {
        self.account = account
        self.principal = principal
        self.isOperator = isOperator
    }

    /// Whether the account may act as the principal that it names.
    var mayActAsPrincipal: Bool { principal == account || isOperator }

    /// The account of this process: the login name of its real uid.
    public static func currentAccount() -> Principal {
        let uid = getuid()
        let name = getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
        return name.flatMap { Principal($0) } ?? Principal("uid:\(uid)")!
    }
}
