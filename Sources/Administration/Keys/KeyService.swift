import KeyFormat
import Keyring
import RedisClient

/// Generates, revokes and verifies keys, and shows their status, for the owner alone.
public struct KeyService {
    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// The status of an organization's key.
    ///
    /// - Parameters:
    ///   - action: What the owner is about to do; refusals name it.
    ///   - collectsUses: Whether workers first write the uses that they have not written yet.
    /// - Throws: An error if the caller is not the owner, or the record cannot be read or proven.
    public func status(
        of organization: Organization,
        for action: OwnerRule.Action = .status,
        collectsUses: Bool = true
    ) throws(AdministrationError) -> KeyStatus {
        let store = context.store
        let locator = organization.locator
        var delay = KeyStatus.LastUseDelay.unasked
        if collectsUses {
            let reply = try store.read([KeyCommands.read(locator)], at: .record(locator))[0]
            _ = try context.access.permittedRecord(reply, organization, action)
            delay = context.lastUses.collect(locator)
        }
        let replies = try store.read([
            (.record(locator), [KeyCommands.read(locator)]),
            (.uses(locator), [UseCommands.read(locator)] + RefusalCommands.read(locator)),
        ]).flatMap(\.self)
        return KeyStatus(
            try context.access.permittedRecord(replies[0], organization, action),
            use: replies[1],
            refusedUses: RefusalCommands.refusedUses(replies[2], replies[3]),
            lastUseDelay: delay,
            rotateAfterMilliseconds: context.configuration.rotateAfterMilliseconds,
            now: context.clock.unix
        )
    }

    /// Generates a key and invalidates the previous one, at once or after a grace period.
    ///
    /// - Parameters:
    ///   - seen: What the owner agreed to replace; `nil` for whatever is stored.
    ///   - policy: Whether to wait until no worker accepts the previous key.
    /// - Throws: An error if no key was stored. Once the key is stored nothing is thrown: what is
    ///   uncertain is returned with the key.
    public func generate(
        for organization: Organization,
        replacing seen: KeyStatus? = nil,
        lifetime: KeyLifetime = KeyLifetime(),
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> GeneratedKey {
        let mint = KeyMint(prefix: context.configuration.prefix, pepper: context.peppers.current)
        let minted = mint.mint(for: organization.locator)
        let verifier = minted.verifier
        let change = try context.store.change(
            organization,
            context.audit(.generate),
            isAwaited: policy.isAwaited
        ) {
            existing throws(AdministrationError) in
            try context.access.check(existing, organization, .generate)
            try Self.check(existing, isAsIn: seen)
            let now = context.clock.unix
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: context.caller.principal,
                expiresAt: lifetime.expiresInMilliseconds.map { now.advanced(byMilliseconds: $0) }
            )
            return existing?.replacingKey(
                with: key,
                graceMilliseconds: lifetime.graceMilliseconds
            )
        }
        guard let change else { throw AccessControl.noOrganization(organization) }
        return GeneratedKey(
            text: minted.takeText(),
            record: change.record,
            confirmation: context.confirmer.confirmation(of: change, policy)
        )
    }

    /// Revokes the key.
    ///
    /// If the key was revoked earlier, that change may not have been confirmed: it is confirmed again.
    ///
    /// If the pepper is lost, or the keys were deleted and all else could not be written, the owner that
    /// the record claims is believed: anyone who could write another owner into it could also remove the
    /// key. What remains is not sealed.
    ///
    /// - Parameters:
    ///   - seen: What the owner agreed to revoke; `nil` for whatever is stored.
    ///   - policy: Whether to wait until no worker accepts the key.
    /// - Returns: Whether the change is confirmed; `nil` if there was never a key.
    /// - Throws: An error if nothing was changed, or if it is uncertain whether the record was.
    public func revoke(
        _ organization: Organization,
        asIn seen: KeyStatus? = nil,
        policy: ConfirmationPolicy = .untilConfirmed
    ) throws(AdministrationError) -> ConfirmationResult? {
        var earlier: RecordChange?
        func unproven(_ claim: RecordStore.Claim) throws(AdministrationError)
            -> RecordStore.Successor?
        {
            guard context.mayRevokeWithoutProof(claim.stored) else { throw claim.fault }
            try context.access.check(claim.stored, organization, .revoke)
            try Self.check(nil, isAsIn: seen)
            let revoked = context.successorWithoutProof(organization, claim.stored)
                .revokingKey(at: context.clock.unix)
            guard claim.stored.unauthenticatedState == .active else {
                earlier = context.store.earlierChange(revoked, isProvable: false)
                return nil
            }
            // Not sealed: the owner that the record claims must not gain anything by it.
            return .init(record: revoked, isSealed: false)
        }
        let change = try context.store.change(
            organization,
            context.audit(.revoke),
            isAwaited: policy.isAwaited,
            unproven: unproven
        ) { existing throws(AdministrationError) in
            try context.access.check(existing, organization, .revoke)
            guard let existing, existing.key != nil else {
                earlier = existing.flatMap {
                    $0.revokedAt == nil ? nil : context.store.earlierChange($0)
                }
                return nil
            }
            try Self.check(existing, isAsIn: seen)
            return existing.revokingKey(at: context.clock.unix)
        }
        return (change ?? earlier).map { context.confirmer.confirmation(of: $0, policy) }
    }

    /// What a worker would decide about a key.
    ///
    /// - Throws: An error if the record cannot be read or proven.
    public func verify(_ text: Span<UInt8>) throws(AdministrationError) -> KeyVerification {
        try OwnerRule.checkIdentity(context.caller)
        let verifier = KeyVerifier(prefix: context.configuration.prefix, peppers: context.peppers)
        switch verifier.verdict(on: text) {
        case .malformed: return .malformed
        case .forged: return .forged
        case .issued(let key):
            let reply = try context.store.read(
                [KeyCommands.read(key.locator)],
                at: .record(key.locator)
            )[0]
            let record = try translating(
                try StoredRecord(reply).activeRecord(at: key.locator, seal: context.seal)
            ) { (fault: RecordFault) in
                AdministrationError(fault, "the record of locator \(key.locator)")
            }
            return .issued(KeyValidity(of: key.verifier, in: record, at: context.clock.unix))
        }
    }

    /// Refuses to end a key that is not the one that the owner was shown.
    private static func check(_ record: KeyRecord?, isAsIn seen: KeyStatus?)
        throws(AdministrationError)
    {
        guard let seen, seen.record.key != record?.key else { return }
        throw keyChanged(seen.record.organization)
    }

    /// The error of a change to a key that is not the one that the owner was shown.
    public static func keyChanged(_ organization: Organization) -> AdministrationError {
        AdministrationError(
            .data,
            "the key of \(organization) has just been changed; nothing was done"
        )
    }
}

/// A new key. It is stored already, so it must be handed over whatever happens.
public struct GeneratedKey: ~Copyable {
    /// The whole key; wiped when released.
    public let text: SecretBytes

    /// The record as stored, with the previous key if it stays valid.
    public let record: KeyRecord

    /// Whether the change is confirmed.
    public let confirmation: ConfirmationResult
}

/// What a worker would decide about a key.
public enum KeyVerification: Equatable, Sendable {
    case malformed
    case forged
    case issued(KeyValidity)
}
