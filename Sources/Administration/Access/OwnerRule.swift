import Keyring

/// Who may do what. The whole rule is here.
///
/// A key is its owner's alone: nobody else sees or manages it in his own name, no administrator, no
/// operator, not root. Organizations are the operators': they add them, list them with their owners,
/// give them to another owner and remove them. Operators, root among them, may also act as somebody
/// else, are bound by what that one may do with keys, and are named in the audit.
public enum OwnerRule {
    /// What can be asked for.
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

        /// Whether operators may do it, instead of the owner.
        var isOperators: Bool {
            switch self {
            case .status, .generate, .revoke, .audit: false
            case .auditRemovedOrganization, .addOrganization, .listOrganizations,
                .transferOrganization, .removeOrganization, .exportRecords, .importRecords,
                .sealRecords:
                true
            }
        }

        /// The end of a sentence: may …
        var words: String {
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

    /// Lets through what may be done.
    ///
    /// To those who are no operators it makes no difference whether the organization exists.
    ///
    /// - Parameters:
    ///   - organization: Which organization it is about; `nil` where it is about all.
    ///   - owner: Its owner, or `nil` where there is no such organization.
    public static func check(
        _ action: Action,
        on organization: Organization?,
        owner: Principal?,
        by caller: Caller
    ) throws(AdministrationError) {
        try checkIdentity(caller)
        if action.isOperators {
            guard caller.isOperator else {
                throw AdministrationError(
                    .notPermitted,
                    "\(caller.account) may not \(action.words): only root and the accounts in "
                        + "latchkey_operators may"
                )
            }
        } else if let organization {
            try checkOwner(action, organization, owner, caller)
        }
    }

    /// Lets through whoever acts as himself, and operators as whoever they name.
    public static func checkIdentity(_ caller: Caller) throws(AdministrationError) {
        guard caller.mayActAsPrincipal else {
            throw AdministrationError(
                .notPermitted,
                "\(caller.account) may not act as another principal: only root and the accounts in "
                    + "latchkey_operators may use --as"
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
            throw AdministrationError(
                .data,
                "there is no organization \(organization): add it with \"latchkey org add\""
            )
        }
        guard owner == caller.principal else {
            throw AdministrationError(
                .notPermitted,
                "\(caller.principal) is not the owner of \(organization): only the owner may "
                    + "\(action.words)\(caller.isOperator ? "; act as the owner with --as OWNER" : "")"
            )
        }
    }
}
