import Glibc
import Keyring

/// Who runs the executable, and as whom.
public struct Caller: Equatable, Sendable {
    /// The login name of the account.
    public let account: Principal

    /// Who acts: the account itself, or the one named with `--as`.
    public let principal: Principal

    /// Whether the account may act for others and add organizations.
    public let isOperator: Bool

    /// A caller, if the account may act as that principal.
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
    ) throws(AdministrationError) {
        self.account = account
        isOperator = isRoot || operators.contains(account.name)
        guard let name, name != account else {
            principal = account
            return
        }
        guard isOperator else {
            throw AdministrationError(
                .notPermitted,
                "\(account) may not act as somebody else: only latchkey_operators may use --as"
            )
        }
        principal = name
    }

    /// The account of this process: the login name of its real uid.
    public static func currentAccount() -> Principal {
        let uid = getuid()
        let name = getpwuid(uid).flatMap { $0.pointee.pw_name }.map { String(cString: $0) }
        return name.flatMap { Principal($0) } ?? Principal("uid:\(uid)")!
    }
}
