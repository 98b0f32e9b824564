import Keyring

/// Decides who may do what. The whole rule is here.
///
/// A key belongs to its owner alone: no other principal may see or manage it in its own name, not even
/// an operator or root. Organizations belong to the operators: they add, list, transfer and remove them.
/// An operator may also act as another principal; it may then do with keys what that principal may do,
/// and the audit names both. A delegate may do just that: it manages no organizations, and learns no more
/// about them than the principal.
public enum OwnerRule {
    /// What a caller may ask for.
    public enum Action: String, Sendable, CaseIterable {
        case status
        case generate
        case revoke
        case audit
        case auditRemovedOrganization
        case addOrganization
        case listOrganizations
        case transferOrganization
        case removeOrganization
        case exportRecords
        case importRecords
        case sealRecords

        /// Whether it is for operators instead of the owner.
        var isOperators: Bool {
            switch self {
            case .status, .generate, .revoke, .audit: false
            case .auditRemovedOrganization, .addOrganization, .listOrganizations,
                .transferOrganization, .removeOrganization, .exportRecords, .importRecords,
                .sealRecords:
                true
            }
        }

        /// What completes the sentence "… may …".
        var phrase: String {
            switch self {
            case .status: "see its status"
            case .generate: "generate its key"
            case .revoke: "revoke its key"
            case .audit, .auditRemovedOrganization: "see its audit"
            case .addOrganization: "add organizations"
            case .listOrganizations: "list organizations"
            case .transferOrganization: "transfer organizations"
            case .removeOrganization: "remove organizations"
            case .exportRecords: "export records"
            case .importRecords: "import records"
            case .sealRecords: "reseal records"
            }
        }
    }

    /// Checks an action. Callers other than operators get the same error whether or not the
    /// organization exists.
    ///
    /// - Parameters:
    ///   - organization: The organization; `nil` if the action concerns all.
    ///   - owner: Its owner; `nil` if there is no such organization.
    /// - Throws: An error if the caller may not do it.
    public static func check(
        _ action: Action,
        on organization: Organization?,
        owner: Principal?,
        by caller: Caller
    ) throws(AdministrationError) {
        try checkIdentity(caller)
        if action.isOperators {
            try checkOperator(caller, to: action.phrase)
        } else if let organization {
            try checkOwner(action, organization, owner, caller)
        }
    }

    /// - Parameter phrase: What completes the sentence "… may …".
    /// - Throws: An error if the caller is no operator.
    static func checkOperator(_ caller: Caller, to phrase: String) throws(AdministrationError) {
        guard caller.isOperator else {
            throw AdministrationError(
                .notPermitted,
                "\(caller.account) may not \(phrase): only root and the accounts in "
                    + "latchkey_operators may"
            )
        }
    }

    /// - Throws: An error if the caller acts as another principal and is neither an operator nor a delegate.
    public static func checkIdentity(_ caller: Caller) throws(AdministrationError) {
        guard caller.mayActAsPrincipal else {
            throw AdministrationError(
                .notPermitted,
                "\(caller.account) may not act as another principal: only root and the accounts in "
                    + "latchkey_operators and latchkey_delegates may use --as"
            )
        }
    }

    private static func checkOwner(
        _ action: Action,
        _ organization: Organization,
        _ owner: Principal?,
        _ caller: Caller
    ) throws(AdministrationError) {
        if owner == nil, caller.isOperator {
            throw noOrganization(organization)
        }
        guard owner == caller.principal else { throw notOwner(action, organization, caller) }
    }

    /// The error of an operator's action on the key of an organization that does not exist.
    public static func noOrganization(_ organization: Organization) -> AdministrationError {
        AdministrationError(
            .data,
            "there is no organization \(organization): add it with \"latchkey org add\""
        )
    }

    /// The error of an action on a key that is not the caller's.
    public static func notOwner(
        _ action: Action,
        _ organization: Organization,
        _ caller: Caller
    ) -> AdministrationError {
        let hint = caller.mayActForOthers ? "; act as the owner with --as OWNER" : ""
        return AdministrationError(
            .notPermitted,
            "\(caller.principal) is not the owner of \(organization): only the owner may "
                + "\(action.phrase)\(hint)"
        )
    }
}
