import KeyFormat
import Keyring
import RedisClient

/// Revokes a key although the pepper is lost.
///
/// Nothing can be proven then, the owner neither; so the record's own word is taken for who that is.
/// Who could write another one into it could also take the key away. What is left is not sealed, and
/// lets nobody in.
public struct PepperlessRevocation {
    /// How often it is tried again because somebody else was faster.
    private static let attemptsMax = 16

    private let caller: Caller
    private let channel: any StoreChannel
    private let clock: any BlockingClock
    private let store: RecordStore
    private let confirmer: ChangeConfirmer
    private let uses: LastUseCollector

    /// Why the pepper is lost; `nil` where it is not.
    public let reason: String

    /// `nil` where the pepper is there, or where the caller may only not read it.
    public init?(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        do throws(SecretFault) {
            _ = try Secrets.peppers(try Secrets.pepperContents(configuration), configuration)
            return nil
        } catch {
            guard error.isLost else { return nil }
            reason = error.message
        }
        // Seals nothing: what it would be sealed with is known to nobody.
        let contents = PepperRing.makeContents()
        guard let peppers = try? PepperRing(contents: contents) else { return nil }
        self.caller = caller
        channel = try StoreConnection(admin: configuration)
        clock = SystemClock()
        store = RecordStore(channel, clock: clock, seal: RecordSeal(peppers: peppers))
        confirmer = ChangeConfirmer(
            store,
            channel: channel,
            clock: clock,
            configuration: configuration,
            makeBarrierID: KeyAdministration.randomBarrierID
        )
        uses = LastUseCollector(
            channel,
            clock: clock,
            makeBarrierID: KeyAdministration.randomBarrierID
        )
    }

    /// When the key was last used, for the record's owner; `nil` where there is no key.
    ///
    /// - Parameter asksGateways: Whether uses are told of which the store has not heard yet.
    public func lastUse(
        of organization: Organization,
        collectsUses: Bool = true
    ) throws(AdministrationError) -> KeyStatus.LastUse? {
        let locator = organization.locator
        let record = try store.read([KeyCommands.read(locator)])[0]
        guard try checked(record, organization).unauthenticatedState == .active else { return nil }
        if collectsUses { uses.collect(locator) }
        let use = try store.read([UseCommands.read(locator)])[0]
        if let time = UseCommands.lastUse(use) { return .at(time) }
        return use.failure == nil ? .never : .unknown
    }

    /// Revokes whatever key there is, or asks the gateways again where there is none.
    public func revoke(_ organization: Organization, policy: ConfirmationPolicy = .untilConfirmed)
        throws(AdministrationError) -> ConfirmationResult
    {
        var auditFault: RedisError?
        for _ in 0..<Self.attemptsMax where try attempt(organization, &auditFault) {
            return confirmer.confirmation(since: clock.monotonic, policy) {
                retrying throws(ConfirmationResult.Uncertainty) in
                try readBack(organization, retrying)
            }
            .including(auditFault)
        }
        throw AdministrationError(.store, "the store does not accept the change: try again")
    }
}

// MARK: - Steps

extension PepperlessRevocation {
    private func checked(_ reply: RedisReply, _ organization: Organization)
        throws(AdministrationError) -> StoredRecord
    {
        let stored: StoredRecord
        do throws(RecordFault) {
            stored = try StoredRecord(reply)
        } catch {
            throw AdministrationError(error, "the record of \(organization)")
        }
        let owner =
            stored.isAbsent || stored.unauthenticatedState == .removed
            ? nil : stored.unauthenticatedOwner
        do throws(AdministrationError) {
            try OwnerRule.check(.revoke, on: organization, owner: owner, by: caller)
        } catch {
            if owner != nil { _ = try? channel.execute([entry.refusal(organization.locator)]) }
            throw error
        }
        return stored
    }

    private var entry: AuditEntry {
        AuditEntry(.revoke, by: caller.principal, account: caller.account)
    }

    /// Returns whether there is no key; `false` where it is to be looked at again.
    private func attempt(_ organization: Organization, _ auditFault: inout RedisError?)
        throws(AdministrationError) -> Bool
    {
        let locator = organization.locator
        let watched = try store.read([KeyCommands.watch(locator), KeyCommands.read(locator)])
        if let error = watched[0].failure { throw AdministrationError(error) }
        guard try checked(watched[1], organization).unauthenticatedState == .active else {
            return true
        }
        // MULTI goes alone: were it refused, what is behind it would be carried out one by one.
        let commands = KeyCommands.revokeUnsealed(locator, at: clock.unix, audit: entry)
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

    /// Where the connection is lost, there are no replies: what is stored then tells.
    private func transact(_ commands: some Collection<RedisCommand>) throws(AdministrationError)
        -> [RedisReply]
    {
        do throws(StoreConnection.Fault) {
            return try channel.execute(Array(commands), onSameConnection: true)
        } catch {
            guard case .interrupted = error else { throw AdministrationError(error) }
            channel.renew()
            return []
        }
    }

    private func readBack(_ organization: Organization, _ retrying: RetryingStore)
        throws(ConfirmationResult.Uncertainty)
    {
        let reply: RedisReply
        do throws(StoreConnection.Fault) {
            reply = try retrying.execute([KeyCommands.read(organization.locator)])[0]
        } catch {
            throw .notReadBack(AdministrationError(error).message)
        }
        guard let stored = try? StoredRecord(reply), !stored.isAbsent,
            stored.unauthenticatedState != .active
        else {
            throw .undone
        }
    }
}
