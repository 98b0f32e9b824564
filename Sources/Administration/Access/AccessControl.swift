import Keyring
import RedisClient

/// Applies ``OwnerRule`` to stored records, audits refusals, and suggests names.
struct AccessControl {
    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Refuses what the caller may not do with a record, and audits the refusal.
    ///
    /// - Parameter record: The organization's record; `nil` if there is none.
    func check(
        _ record: KeyRecord?,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        try check(
            owner: record?.isRemoved == true ? nil : record?.owner,
            exists: record != nil,
            organization,
            action
        )
    }

    /// The same for a record that cannot be proven: the owner that it claims is believed.
    func check(
        _ claim: StoredRecord,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        let isRemoved = claim.unauthenticatedState == .removed
        try check(
            owner: isRemoved ? nil : claim.unauthenticatedOwner,
            exists: true,
            organization,
            action
        )
    }

    private func check(
        owner: Principal?,
        exists: Bool,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        do throws(AdministrationError) {
            try OwnerRule.check(action, on: organization, owner: owner, by: context.caller)
        } catch {
            let isRefusal = exists && error.kind == .notPermitted
            auditRefusal(action, organization, isRefusal: isRefusal)
            throw withSuggestion(error, organization, exists: owner != nil)
        }
    }

    /// The record in a reply, if the caller may act on it.
    ///
    /// - Throws: An error if the record is absent or cannot be proven, or the action is refused.
    func permittedRecord(
        _ reply: RedisReply,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) -> KeyRecord {
        let record = try context.store.record(reply, organization)
        try check(record, organization, action)
        guard let record else { throw Self.noOrganization(organization) }
        return record
    }

    /// Refuses callers that are not operators. The refusal is in the audit of an existing organization.
    func checkOperator(_ action: OwnerRule.Action, on organization: Organization)
        throws(AdministrationError)
    {
        guard !context.caller.isOperator else { return try check(nil, organization, action) }
        let locator = organization.locator
        let reply = try context.store.read([KeyCommands.read(locator)], at: .record(locator))[0]
        try check(try? context.store.record(reply, organization), organization, action)
    }

    /// The error for an organization that does not exist.
    static func noOrganization(_ organization: Organization) -> AdministrationError {
        AdministrationError(.data, "there is no organization \(organization)")
    }

    /// The error for an organization that does not exist, with a suggestion.
    func unknownOrganization(_ organization: Organization) -> AdministrationError {
        withSuggestion(Self.noOrganization(organization), organization, exists: false)
    }

    /// A refusal stands even if it cannot be audited. Where there is nothing to audit, the store carries out as
    /// many commands.
    private func auditRefusal(
        _ action: OwnerRule.Action,
        _ organization: Organization,
        isRefusal: Bool
    ) {
        let locator = organization.locator
        let entry = context.audit(action.auditAction)
        _ = try? context.store.read(
            isRefusal ? entry.refusal(locator) : AuditEntry.nothing(locator),
            at: .record(locator)
        )
    }

    /// An error that also suggests the organization that may have been meant.
    ///
    /// Operators get a suggestion out of all names, others only out of their own organizations: to
    /// them the answer is the same whether or not the organization exists.
    private func withSuggestion(
        _ error: AdministrationError,
        _ organization: Organization,
        exists: Bool
    ) -> AdministrationError {
        let caller = context.caller
        guard context.suggestsNames, !caller.isOperator || !exists, caller.mayActAsPrincipal,
            error.kind == .data || error.kind == .notPermitted
        else { return error }
        var names: [String] = []
        // A store that cannot be listed costs only the suggestion.
        try? RecordListing(context.store).visit { locator, _, reply in
            guard let stored = try? StoredRecord(reply), let name = stored.unauthenticatedName,
                Suggestion.distance(to: organization.name, of: name) != nil,
                let record = try? stored.record(at: locator, seal: context.seal),
                !record.isRemoved, caller.isOperator || record.owner == caller.principal
            else { return }
            names.append(record.organization.name)
        }
        guard let name = Suggestion.nearest(to: organization.name, among: names) else {
            return error
        }
        return AdministrationError(error.kind, "\(error.message); did you mean \(name)?")
    }
}

extension OwnerRule.Action {
    fileprivate var auditAction: AuditEntry.Action {
        switch self {
        case .status: .status
        case .generate: .generate
        case .revoke: .revoke
        case .audit, .auditRemovedOrganization: .audit
        case .addOrganization: .register
        case .listOrganizations: .list
        case .transferOrganization: .transfer
        case .removeOrganization: .remove
        case .exportRecords: .export
        case .importRecords: .import
        case .sealRecords: .seal
        }
    }
}
