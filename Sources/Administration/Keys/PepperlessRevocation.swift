import KeyFormat
import Keyring
import RedisClient

/// Revokes a key although the pepper is lost.
///
/// Without the pepper nothing can be proven, the owner included, so the owner that the record claims is
/// believed: anyone who could write another owner into it could also remove the key. The remaining
/// record is not sealed, and admits no request.
public struct PepperlessRevocation {
    private static let attemptsMax = 16

    /// Its peppers are random: it must not seal anything.
    private let context: AdministrationContext

    /// Why the pepper is lost.
    public let reason: String

    /// `nil` if the pepper exists, even if the caller may not read it.
    ///
    /// - Throws: An error if the store's credentials cannot be read.
    public init?(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        do throws(SecretFault) {
            _ = try Secrets.peppers(configuration)
            return nil
        } catch {
            guard error.isLost else { return nil }
            reason = error.message
        }
        guard let peppers = try? PepperRing(contents: PepperRing.makeContents()) else { return nil }
        context = AdministrationContext(
            configuration,
            caller: caller,
            peppers: peppers,
            channel: try StoreConnection(admin: configuration),
            clock: SystemClock()
        )
    }

    /// When the key was last used; `nil` if there is no key.
    ///
    /// - Parameter collectsUses: Whether workers first write the uses that they have not written yet.
    /// - Throws: An error if the caller is not the claimed owner, or the record cannot be read.
    public func lastUse(
        of organization: Organization,
        collectsUses: Bool = true
    ) throws(AdministrationError) -> KeyStatus.LastUse? {
        let store = context.store
        let locator = organization.locator
        let record = try store.read([KeyCommands.read(locator)])[0]
        guard try permitted(record, organization).unauthenticatedState == .active else {
            return nil
        }
        if collectsUses { context.lastUses.collect(locator) }
        let use = try store.read([UseCommands.read(locator)])[0]
        if let time = UseCommands.lastUse(use) { return .at(time) }
        return use.failure == nil ? .never : .unknown
    }

    /// Revokes the key, or confirms its revocation again if there is none.
    ///
    /// - Throws: An error if the caller is not the claimed owner, or the record cannot be changed.
    public func revoke(_ organization: Organization, policy: ConfirmationPolicy = .untilConfirmed)
        throws(AdministrationError) -> ConfirmationResult
    {
        var auditFault: RedisError?
        for _ in 0..<Self.attemptsMax where try attempt(organization, &auditFault) {
            return context.confirmer.confirmation(since: context.clock.monotonic, policy) {
                store throws(ConfirmationResult.Uncertainty) in
                try readBack(organization, store)
            }
            .including(auditFault)
        }
        throw AdministrationError(.store, "the store does not accept the change: try again")
    }
}

// MARK: - Steps

extension PepperlessRevocation {
    private func permitted(_ reply: RedisReply, _ organization: Organization)
        throws(AdministrationError) -> StoredRecord
    {
        let stored = try translating(try StoredRecord(reply)) { (fault: RecordFault) in
            AdministrationError(fault, "the record of \(organization)")
        }
        let owner =
            stored.isAbsent || stored.unauthenticatedState == .removed
            ? nil : stored.unauthenticatedOwner
        do throws(AdministrationError) {
            try OwnerRule.check(.revoke, on: organization, owner: owner, by: context.caller)
        } catch {
            if owner != nil {
                let refusal = context.audit(.revoke).refusal(organization.locator)
                _ = try? context.channel.execute(refusal)
            }
            throw error
        }
        return stored
    }

    /// Returns whether the record holds no key; `false` if it must be read again.
    private func attempt(_ organization: Organization, _ auditFault: inout RedisError?)
        throws(AdministrationError) -> Bool
    {
        let locator = organization.locator
        let watched = try context.store.read([
            KeyCommands.watch(locator), KeyCommands.read(locator),
        ])
        if let error = watched[0].failure { throw AdministrationError(error) }
        guard try permitted(watched[1], organization).unauthenticatedState == .active else {
            return true
        }
        // MULTI goes alone: if it were refused, the commands behind it would be carried out one by one.
        let commands = KeyCommands.revokeUnsealed(
            locator,
            at: context.clock.unix,
            audit: context.audit(.revoke)
        )
        if let error = try transact(commands.prefix(1)).lazy.compactMap(\.failure).first {
            throw AdministrationError(error)
        }
        let replies = try transact(commands.dropFirst())
        if let error = replies.lazy.compactMap(\.failure).first { throw AdministrationError(error) }
        if case .unaudited(let error) = WriteOutcome(replies.last ?? .null, version: nil) {
            auditFault = error
        }
        return false
    }

    /// Returns no replies if the connection is lost: the stored record then shows what happened.
    private func transact(_ commands: some Collection<RedisCommand>) throws(AdministrationError)
        -> [RedisReply]
    {
        do throws(StoreConnection.Fault) {
            return try context.channel.execute(Array(commands), onSameConnection: true)
        } catch {
            guard case .interrupted = error else { throw AdministrationError(error) }
            context.channel.renew()
            return []
        }
    }

    private func readBack(_ organization: Organization, _ store: RetryingStore)
        throws(ConfirmationResult.Uncertainty)
    {
        let reply = try translating(
            try store.execute([KeyCommands.read(organization.locator)])[0]
        ) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.notReadBack(AdministrationError(fault).message)
        }
        guard let stored = try? StoredRecord(reply), !stored.isAbsent,
            stored.unauthenticatedState != .active
        else { throw .undone }
    }
}
