import KeyFormat
import Keyring
import RedisClient

/// Manages organizations, for operators, and shows their audit, to owners.
public struct OrganizationService {
    let context: AdministrationContext

    /// Adds an organization without a key.
    ///
    /// - Returns: `false` if it already exists with the same owner.
    /// - Throws: An error if the caller is not an operator, or the organization has another owner.
    public func add(_ organization: Organization, owner: Principal)
        throws(AdministrationError) -> Bool
    {
        try context.access.checkOperator(.addOrganization, on: organization)
        let change = try context.store.change(organization, context.audit(.register)) {
            existing throws(AdministrationError) in
            try Self.added(organization, owner: owner, existing)
        }
        try change?.checkAudited()
        return change != nil
    }

    /// The first record of an organization; `nil` if it already exists with this owner.
    static func added(
        _ organization: Organization,
        owner: Principal,
        _ existing: KeyRecord?
    ) throws(AdministrationError) -> KeyRecord? {
        guard let existing else { return KeyRecord(organization: organization, owner: owner) }
        guard !existing.isRemoved else {
            return KeyRecord(organization: organization, owner: owner, after: existing.version)
        }
        guard existing.owner == owner else {
            throw AdministrationError(
                .data,
                "\(organization) already has another owner; nothing was done: "
                    + "see \"latchkey org transfer\""
            )
        }
        return nil
    }

    /// All organizations by name, and a line for each record that cannot be trusted.
    ///
    /// - Throws: An error if the caller is not an operator, or the records cannot be listed.
    public func list() throws(AdministrationError)
        -> (entries: [OrganizationEntry], faults: [String])
    {
        try OwnerRule.check(.listOrganizations, on: nil, owner: nil, by: context.caller)
        var entries: [OrganizationEntry] = []
        let faults = try RecordListing(context.store).visitProven(context.seal) { record, _ in
            guard !record.isRemoved else { return }
            entries.append(.init(organization: record.organization, owner: record.owner))
        }
        entries.sort { $0.organization.name < $1.organization.name }
        return (entries, faults)
    }

    /// Transfers an organization to another owner. Its key stays valid.
    ///
    /// - Returns: `false` if that principal already owns it.
    /// - Throws: An error if the caller is not an operator, or there is no such organization.
    public func transfer(_ organization: Organization, to owner: Principal)
        throws(AdministrationError) -> Bool
    {
        try context.access.checkOperator(.transferOrganization, on: organization)
        let entry = context.audit(.transfer, newOwner: owner)
        let change = try context.store.change(organization, entry) {
            existing throws(AdministrationError) in
            guard let existing, !existing.isRemoved else {
                throw context.access.unknownOrganization(organization)
            }
            return existing.owner == owner ? nil : existing.transferred(to: owner)
        }
        try change?.checkAudited()
        return change != nil
    }

    /// Revokes an organization's key as ``KeyService/revoke(_:asIn:policy:)`` does, and removes its owner.
    ///
    /// A record that cannot be proven is replaced by one that can and admits no request. An
    /// organization that was removed earlier is confirmed again.
    ///
    /// - Throws: An error if nothing was changed, or if it is uncertain whether the record was.
    public func remove(
        _ organization: Organization,
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> ConfirmationResult {
        let (access, clock) = (context.access, context.clock)
        try access.checkOperator(.removeOrganization, on: organization)
        func unproven(_ claim: RecordStore.Claim) -> RecordStore.Successor? {
            let successor = context.successorWithoutProof(organization, claim.stored)
            return .init(record: successor.removed(at: clock.unix))
        }
        var stored: KeyRecord?
        let change = try context.store.change(
            organization,
            context.audit(.remove),
            isAwaited: policy.isAwaited,
            unproven: unproven
        ) { existing throws(AdministrationError) in
            guard let existing else { throw access.unknownOrganization(organization) }
            stored = existing
            return existing.isRemoved ? nil : existing.removed(at: clock.unix)
        }
        guard let removal = change ?? stored.map({ context.store.earlierChange($0) }) else {
            throw access.unknownOrganization(organization)
        }
        return context.confirmer.confirmation(of: removal, policy)
    }

    /// Checks that an organization exists, before asking whether to remove it.
    ///
    /// - Returns: `false` if it was removed already.
    /// - Throws: An error if the caller is not an operator, or there is no such organization.
    public func checkRemovable(_ organization: Organization) throws(AdministrationError) -> Bool {
        try context.access.checkOperator(.removeOrganization, on: organization)
        let locator = organization.locator
        let reply = try context.store.read([KeyCommands.read(locator)], at: .record(locator))[0]
        guard let stored = try? StoredRecord(reply) else { return true }
        guard !stored.isAbsent else { throw context.access.unknownOrganization(organization) }
        let record = try? stored.record(at: organization.locator, seal: context.seal)
        return record?.isRemoved != true
    }

    /// What was done to an organization since a moment, and what was refused.
    ///
    /// - Throws: An error if the caller is neither the owner nor, once the organization is removed, an
    ///   operator.
    public func audit(of organization: Organization, since: UnixTime)
        throws(AdministrationError) -> [AuditLine]
    {
        let locator = organization.locator
        let replies = try context.store.read(
            [KeyCommands.read(locator)] + AuditLine.read(locator),
            at: .record(locator)
        )
        let record = try context.store.record(replies[0], organization)
        let isOperators = record?.isRemoved == true && context.caller.isOperator
        try context.access.check(
            record,
            organization,
            isOperators ? .auditRemovedOrganization : .audit
        )
        return try translating(try AuditLine.lines(Array(replies.dropFirst()), since: since)) {
            (error: RedisError) in
            AdministrationError(refused: "the audit of \(organization) cannot be read", error)
        }
    }
}

/// An organization as operators see it, without anything about its key.
public struct OrganizationEntry: Equatable, Sendable {
    /// Which organization.
    public let organization: Organization

    /// Its owner.
    public let owner: Principal
}
