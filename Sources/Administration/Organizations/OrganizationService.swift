import KeyFormat
import Keyring
import RedisClient

/// An organization as operators see it: nothing of its key.
public struct OrganizationEntry: Equatable, Sendable {
    /// Which organization.
    public let organization: Organization
    /// Who owns it.
    public let owner: Principal
}

extension KeyAdministration {
    /// Adds an organization without a key. Returns `false` where it is there already, with the same
    /// owner.
    public func addOrganization(_ organization: Organization, owner: Principal)
        throws(AdministrationError) -> Bool
    {
        try checkOperator(.addOrganization, on: organization)
        let change = try store.change(organization, audit(.register)) {
            existing throws(AdministrationError) in
            try Self.registered(organization, owner: owner, existing)
        }
        try change?.checkAudited()
        return change != nil
    }

    /// The record with which an organization begins; `nil` where it has begun already.
    static func registered(
        _ organization: Organization,
        owner: Principal,
        _ existing: KeyRecord?
    ) throws(AdministrationError) -> KeyRecord? {
        guard let existing else { return KeyRecord(organization: organization, owner: owner) }
        guard !existing.isRemoved else {
            return KeyRecord(organization: organization, owner: owner, behind: existing.version)
        }
        guard existing.owner == owner else {
            throw AdministrationError(
                .data,
                "\(organization) already has another owner; nothing was done:  "
                    + "see \"latchkey org transfer\""
            )
        }
        return nil
    }

    /// All organizations by name, and what is wrong with the records that cannot be trusted.
    public func organizations() throws(AdministrationError)
        -> (entries: [OrganizationEntry], faults: [String])
    {
        try OwnerRule.check(.listOrganizations, on: nil, owner: nil, by: caller)
        var entries: [OrganizationEntry] = []
        let faults = try RecordListing(store).visitProven(seal) { record, _ in
            guard !record.isRemoved else { return }
            entries.append(.init(organization: record.organization, owner: record.owner))
        }
        entries.sort { $0.organization.name < $1.organization.name }
        return (entries, faults)
    }

    /// Gives an organization to another owner; its key stays. Returns `false` where it is that one's
    /// already.
    public func transferOrganization(_ organization: Organization, to owner: Principal)
        throws(AdministrationError) -> Bool
    {
        try checkOperator(.transferOrganization, on: organization)
        let change = try store.change(organization, audit(.transfer, newOwner: owner)) {
            existing throws(AdministrationError) in
            guard let existing, !existing.isRemoved else { throw unknown(organization) }
            return existing.owner == owner ? nil : existing.transferred(to: owner)
        }
        try change?.checkAudited()
        return change != nil
    }

    /// Ends the key of an organization as ``revoke(_:asIn:waiting:)`` does, and takes its owner away.
    ///
    /// Also where nothing can be proven of its record: what is left of it is proven again, and lets
    /// nobody in. Where it was removed before, the gateways are asked again.
    public func removeOrganization(
        _ organization: Organization,
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> ConfirmationResult {
        try checkOperator(.removeOrganization, on: organization)
        var stored: KeyRecord?
        let change = try store.change(organization, audit(.remove), unproven: withoutProof) {
            existing throws(AdministrationError) in
            guard let existing else { throw unknown(organization) }
            stored = existing
            return existing.isRemoved ? nil : existing.removed(at: clock.unix)
        }
        let earlier = stored.map {
            RecordChange(before: $0, record: $0, repliedAt: clock.monotonic)
        }
        guard let settled = change ?? earlier else { throw unknown(organization) }
        return confirmer.confirmation(of: settled, policy)
    }

    /// Makes sure that there is such an organization before anybody is asked whether to remove it.
    /// Returns `false` where it was removed already.
    public func checkRemovable(_ organization: Organization) throws(AdministrationError) -> Bool {
        try checkOperator(.removeOrganization, on: organization)
        let reply = try store.read([KeyCommands.read(organization.locator)])[0]
        guard let stored = try? StoredRecord(reply) else { return true }
        guard !stored.isAbsent else { throw unknown(organization) }
        let record = try? stored.record(at: organization.locator, seal: seal)
        return record?.isRemoved != true
    }

    /// What was done to an organization since a moment, and what was refused.
    public func auditLines(of organization: Organization, since: UnixTime)
        throws(AdministrationError) -> [AuditLine]
    {
        let locator = organization.locator
        let replies = try store.read(
            [KeyCommands.read(locator)] + AuditLine.read(locator, since: since)
        )
        let record = try store.record(replies[0], organization)
        let isOperators = record?.isRemoved == true && caller.isOperator
        try check(record, organization, isOperators ? .auditRemovedOrganization : .audit)
        do throws(RedisError) {
            return try AuditLine.lines(Array(replies.dropFirst()))
        } catch {
            throw AdministrationError(
                error.code == "NOPERM" ? .notPermitted : .store,
                "the audit of \(organization) cannot be read: \(error.message)"
            )
        }
    }
}

// MARK: - Steps

extension KeyAdministration {
    /// Lets operators through. Where it is refused, and there is such an organization, its audit
    /// says so.
    private func checkOperator(_ action: OwnerRule.Action, on organization: Organization)
        throws(AdministrationError)
    {
        guard !caller.isOperator else { return try check(nil, organization, action) }
        let reply = try store.read([KeyCommands.read(organization.locator)])[0]
        try check(try? store.record(reply, organization), organization, action)
    }

    private func unknown(_ organization: Organization) -> AdministrationError {
        withSuggestion(Self.noOrganization(organization), organization, isThere: false)
    }

    /// What is left of a record of which nothing can be proven: that there is no such organization.
    private func withoutProof(_ organization: Organization, _ stored: StoredRecord) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: caller.principal,
            behind: stored.claimedVersion
        )
        .removed(at: clock.unix)
    }
}
