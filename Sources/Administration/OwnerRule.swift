import Keyring

/// Who may do what. The whole rule is here.
public enum OwnerRule {
    /// What can be asked for.
    public enum Action: String, Sendable, CaseIterable {
        case addOrganization = "add an organization"
        case generate = "generate its key"
        case revoke = "revoke its key"
        case status = "see its status"
    }

    /// Lets only the owner see or manage a key: no administrator, no operator, not root.
    ///
    /// To those who are no operators it makes no difference whether the organization exists.
    ///
    /// - Parameter owner: The organization's owner, or `nil` where there is no such organization.
    public static func check(
        _ action: Action,
        on organization: Organization,
        owner: Principal?,
        by caller: Caller
    ) throws(AdministrationError) {
        if action == .addOrganization {
            guard caller.isOperator else {
                throw AdministrationError(
                    .notPermitted,
                    "\(caller.account) may not add organizations: only latchkey_operators may"
                )
            }
            return
        }
        if owner == nil, caller.isOperator {
            throw AdministrationError(
                .data,
                "there is no organization \(organization): add it with \"latchkey org add\""
            )
        }
        guard owner == caller.principal else {
            throw AdministrationError(
                .notPermitted,
                "\(caller.principal) is not the owner of \(organization): only the owner may \(action.rawValue)"
            )
        }
    }
}
