import KeyFormat
import Keyring
import RedisClient

/// Adds organizations, generates and revokes keys, tells their status: for those who may.
public struct KeyAdministration {
    let configuration: Configuration
    private(set) var caller: Caller

    /// Whether a failure says which name may have been meant, which reads all records.
    private(set) var suggestsNames = true
    let peppers: PepperRing
    let seal: RecordSeal
    let store: RecordStore
    let channel: any StoreChannel
    let confirmer: ChangeConfirmer
    let uses: LastUseCollector
    let clock: any BlockingClock

    /// Reads the secrets that the configuration names; connects with the first thing to do.
    public init(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        let peppers: PepperRing
        do throws(SecretFault) {
            peppers = try Secrets.peppers(try Secrets.pepperContents(configuration), configuration)
        } catch {
            throw AdministrationError(error)
        }
        self.init(
            configuration,
            caller: caller,
            peppers: peppers,
            channel: try StoreConnection(admin: configuration),
            clock: SystemClock()
        )
    }

    /// Works with whatever store and clock.
    ///
    /// - Parameter makeBarrierID: Names to the gateways a change that was just made, or a question; no
    ///   name may come twice.
    init(
        _ configuration: Configuration,
        caller: Caller,
        peppers: PepperRing,
        channel: any StoreChannel,
        clock: any BlockingClock,
        makeBarrierID: @escaping (UnixTime) -> BarrierID = Self.randomBarrierID
    ) {
        self.configuration = configuration
        self.caller = caller
        self.peppers = peppers
        self.clock = clock
        self.channel = channel
        seal = RecordSeal(peppers: peppers)
        store = RecordStore(channel, clock: clock, seal: seal)
        confirmer = ChangeConfirmer(
            store,
            channel: channel,
            clock: clock,
            configuration: configuration,
            makeBarrierID: makeBarrierID
        )
        uses = LastUseCollector(channel, clock: clock, makeBarrierID: makeBarrierID)
    }

    static func randomBarrierID(_ time: UnixTime) -> BarrierID {
        var generator = SystemRandomNumberGenerator()
        return BarrierID(at: time, using: &generator)
    }
}

extension KeyAdministration {
    /// The same account, acting as somebody else, for one of many organizations.
    func acting(as principal: Principal) -> KeyAdministration {
        var other = self
        other.caller = caller.acting(as: principal)
        other.suggestsNames = false
        return other
    }
}

// MARK: - What can be done

extension KeyAdministration {
    /// Tells the status to the owner.
    ///
    /// - Parameters:
    ///   - action: What the owner is about to do.
    ///   - asksGateways: Whether uses are told of which the store has not heard yet.
    public func status(
        of organization: Organization,
        for action: OwnerRule.Action = .status,
        collectsUses: Bool = true
    ) throws(AdministrationError) -> KeyStatus {
        let locator = organization.locator
        if collectsUses {
            let replies = try store.read([KeyCommands.read(locator)])
            _ = try permitted(replies[0], organization, action)
            uses.collect(locator)
        }
        let replies = try store.read(
            [KeyCommands.read(locator), UseCommands.read(locator)] + RefusalCommands.read(locator)
        )
        return KeyStatus(
            try permitted(replies[0], organization, action),
            use: replies[1],
            refusedUses: RefusalCommands.refusedUses(replies[2], replies[3]),
            rotateAfterMilliseconds: configuration.rotateAfterMilliseconds,
            now: clock.unix
        )
    }

    /// Makes a key and invalidates the one before it, at once or after the grace. The text is to be
    /// shown once.
    ///
    /// From the moment on at which the key is stored nothing is thrown: whatever is not known of it
    /// is told beside the key.
    ///
    /// - Parameters:
    ///   - seen: What the owner agreed to replace; `nil` for whatever is there.
    ///   - span: After how many milliseconds the key expires.
    ///   - grace: For how many milliseconds the key before goes on.
    ///   - waiting: Whether to wait until every gateway knows of it.
    public func generate(
        for organization: Organization,
        replacing seen: KeyStatus? = nil,
        expiresInMilliseconds span: UInt64? = nil,
        graceMilliseconds grace: UInt64 = 0,
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> GeneratedKey {
        let minted = KeyMint(prefix: configuration.prefix, pepper: peppers.current).mint(
            for: organization.locator
        )
        let verifier = minted.verifier
        let change = try store.change(organization, audit(.generate)) {
            existing throws(AdministrationError) in
            try check(existing, organization, .generate)
            try check(existing, isAsIn: seen)
            let now = clock.unix
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: caller.principal,
                expiresAt: span.map { now.advanced(byMilliseconds: $0) }
            )
            return existing?.replacingKey(with: key, graceMilliseconds: grace)
        }
        guard let change else { throw Self.noOrganization(organization) }
        return GeneratedKey(
            text: minted.takeText(),
            record: change.record,
            confirmation: confirmer.confirmation(of: change, policy)
        )
    }

    /// Revokes the key. Returns what the gateways said to it, or `nil` where there was never a key.
    ///
    /// Where the key was revoked before, that may not have been confirmed everywhere: so the gateways
    /// are asked again.
    ///
    /// - Parameters:
    ///   - seen: What the owner agreed to revoke; `nil` for whatever is there.
    ///   - waiting: Whether to wait until no gateway accepts the key.
    public func revoke(
        _ organization: Organization,
        asIn seen: KeyStatus? = nil,
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> ConfirmationResult? {
        var stored: KeyRecord?
        let change = try store.change(organization, audit(.revoke)) {
            existing throws(AdministrationError) in
            try check(existing, organization, .revoke)
            stored = existing
            guard let existing, existing.key != nil else { return nil }
            try check(existing, isAsIn: seen)
            return existing.revokingKey(at: clock.unix)
        }
        return (change ?? earlierRevocation(stored)).map {
            confirmer.confirmation(of: $0, policy)
        }
    }

    private func earlierRevocation(_ stored: KeyRecord?) -> RecordChange? {
        guard let stored, stored.revokedAt != nil else { return nil }
        return RecordChange(before: stored, record: stored, repliedAt: clock.monotonic)
    }

    /// What a gateway would say of a key.
    public func verify(_ text: Span<UInt8>) throws(AdministrationError) -> KeyVerification {
        try OwnerRule.checkIdentity(caller)
        switch KeyVerifier(prefix: configuration.prefix, peppers: peppers).verdict(on: text) {
        case .malformed: return .malformed
        case .forged: return .forged
        case .issued(let key):
            let reply = try store.read([KeyCommands.read(key.locator)])[0]
            do throws(RecordFault) {
                let record = try StoredRecord(reply).activeRecord(at: key.locator, seal: seal)
                return .issued(
                    KeyValidity(of: key.verifier, in: record, at: clock.unix)
                )
            } catch {
                throw AdministrationError(error, "the record of locator \(key.locator)")
            }
        }
    }
}

/// A new key, to be handed over in any case: it is stored already.
public struct GeneratedKey: ~Copyable {
    /// The whole key, wiped when let go.
    public let text: SecretBytes

    /// What is stored of it, and of the key before.
    public let record: KeyRecord

    /// What the gateways said to it.
    public let confirmation: ConfirmationResult
}

/// What a gateway would say of a key.
public enum KeyVerification: Equatable, Sendable {
    case malformed
    case forged
    case issued(KeyValidity)
}

// MARK: - Steps

extension KeyAdministration {
    /// The record in a reply, for who may do something with it.
    private func permitted(
        _ reply: RedisReply,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) -> KeyRecord {
        let record = try store.record(reply, organization)
        try check(record, organization, action)
        guard let record else { throw Self.noOrganization(organization) }
        return record
    }

    /// Lets through what may be done, and notes what may not.
    func check(
        _ record: KeyRecord?,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        let owner = record?.isRemoved == true ? nil : record?.owner
        do throws(AdministrationError) {
            try OwnerRule.check(action, on: organization, owner: owner, by: caller)
        } catch {
            if error.kind == .notPermitted, record != nil { note(action, organization) }
            throw withSuggestion(error, organization, isThere: owner != nil)
        }
    }

    /// Notes in the audit that something was refused. Where that fails, it was refused all the same.
    private func note(_ action: OwnerRule.Action, _ organization: Organization) {
        _ = try? store.read([audit(action.auditAction).refusal(organization.locator)])
    }

    /// Makes sure that what goes is what the owner was shown.
    private func check(_ record: KeyRecord?, isAsIn seen: KeyStatus?) throws(AdministrationError) {
        guard let seen, seen.record.key != record?.key else { return }
        throw AdministrationError(
            .data,
            "the key of \(seen.record.organization) has just been changed; nothing was done"
        )
    }

    func audit(_ action: AuditEntry.Action, newOwner: Principal? = nil) -> AuditEntry {
        AuditEntry(action, by: caller.principal, account: caller.account, newOwner: newOwner)
    }

    static func noOrganization(_ organization: Organization) -> AdministrationError {
        AdministrationError(.data, "there is no organization \(organization)")
    }
}

extension OwnerRule.Action {
    /// What the audit calls it.
    var auditAction: AuditEntry.Action {
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
