import KeyFormat
import Keyring
import RedisClient

/// Adds organizations, generates and revokes keys, tells their status: for those who may.
public struct KeyAdministration {
    private let configuration: Configuration
    private let caller: Caller
    private let peppers: PepperRing
    private let seal: RecordSeal
    private let store: RecordStore

    /// Reads the secrets that the configuration names; connects with the first thing to do.
    public init(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        self.configuration = configuration
        self.caller = caller
        let credentials: RedisCredentials?
        do throws(SecretFault) {
            peppers = try Secrets.peppers(try Secrets.pepperContents(configuration), configuration)
            credentials = try configuration.adminCredentialsFile.map { path throws(SecretFault) in
                try Secrets.credentials(try Secrets.credentialsContents(path))
            }
        } catch {
            throw AdministrationError(error)
        }
        seal = RecordSeal(peppers: peppers)
        store = RecordStore(configuration.topology, credentials: credentials, seal: seal)
    }
}

// MARK: - What can be done

extension KeyAdministration {
    /// Adds an organization without a key. Returns `false` where it is there already, with the same
    /// owner.
    public func addOrganization(_ organization: Organization, owner: Principal)
        throws(AdministrationError) -> Bool
    {
        try OwnerRule.check(.addOrganization, on: organization, owner: nil, by: caller)
        let change = try store.change(organization, audit(.register)) {
            existing throws(AdministrationError) in
            guard let existing else { return KeyRecord(organization: organization, owner: owner) }
            guard existing.owner == owner else {
                throw AdministrationError(
                    .data,
                    "\(organization) has another owner already; nothing was done"
                )
            }
            return nil
        }
        return change != nil
    }

    /// Tells the status to the owner.
    ///
    /// - Parameter action: What the owner is about to do.
    public func status(
        of organization: Organization,
        for action: OwnerRule.Action = .status
    ) throws(AdministrationError) -> KeyStatus {
        let locator = organization.locator
        let replies = try store.read([KeyCommands.read(locator), UseCommands.read(locator)])
        let record = try store.record(replies[0], organization)
        try check(record, organization, action)
        guard let record else {
            throw AdministrationError(.data, "there is no organization \(organization)")
        }
        return KeyStatus(
            record,
            use: replies[1],
            rotateAfterMilliseconds: configuration.rotateAfterMilliseconds,
            now: SystemClock.unixTime()
        )
    }

    /// Makes a key and invalidates the one before it, at once or after the grace. The text is to be
    /// shown once.
    ///
    /// - Parameters:
    ///   - seen: What the owner agreed to replace; `nil` for whatever is there.
    ///   - span: After how many milliseconds the key expires.
    ///   - grace: For how many milliseconds the key before goes on.
    public func generate(
        for organization: Organization,
        replacing seen: KeyStatus? = nil,
        expiresInMilliseconds span: UInt64? = nil,
        graceMilliseconds grace: UInt64 = 0
    ) throws(AdministrationError) -> SecretBytes {
        let minted = KeyMint(prefix: configuration.prefix, pepper: peppers.current).mint(
            for: organization.locator
        )
        let verifier = minted.verifier
        _ = try store.change(organization, audit(.generate)) {
            existing throws(AdministrationError) in
            try check(existing, organization, .generate)
            try check(existing, isAsIn: seen)
            let now = SystemClock.unixTime()
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: caller.principal,
                expiresAt: span.map { now.advanced(byMilliseconds: $0) }
            )
            return existing?.replacingKey(with: key, graceMilliseconds: grace)
        }
        return minted.takeText()
    }

    /// Revokes the key. Returns since when no gateway accepts it, or `nil` where there was none.
    ///
    /// - Parameter seen: What the owner agreed to revoke; `nil` for whatever is there.
    public func revoke(_ organization: Organization, asIn seen: KeyStatus? = nil)
        throws(AdministrationError) -> UnixTime?
    {
        var revoked: KeyRecord.Key?
        let change = try store.change(organization, audit(.revoke)) {
            existing throws(AdministrationError) in
            try check(existing, organization, .revoke)
            guard let existing, let key = existing.key else { return nil }
            try check(existing, isAsIn: seen)
            revoked = key
            return existing.revokingKey(at: SystemClock.unixTime())
        }
        guard let change, let revoked else { return nil }
        try confirmRevocation(of: revoked, organization)
        return change.confirmedAt
    }

    /// What a gateway would say of a key.
    public func verify(_ text: Span<UInt8>) throws(AdministrationError) -> KeyVerification {
        switch KeyVerifier(prefix: configuration.prefix, peppers: peppers).verdict(on: text) {
        case .malformed: return .malformed
        case .forged: return .forged
        case .issued(let key):
            let reply = try store.read([KeyCommands.read(key.locator)])[0]
            do throws(RecordFault) {
                let record = try StoredRecord(reply).activeRecord(at: key.locator, seal: seal)
                return .issued(
                    KeyStanding(of: key.verifier, in: record, at: SystemClock.unixTime())
                )
            } catch {
                throw AdministrationError(error, "the record of locator \(key.locator)")
            }
        }
    }
}

/// What a gateway would say of a key.
public enum KeyVerification: Equatable, Sendable {
    case malformed
    case forged
    case issued(KeyStanding)
}

// MARK: - Steps

extension KeyAdministration {
    private func check(
        _ record: KeyRecord?,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        try OwnerRule.check(action, on: organization, owner: record?.owner, by: caller)
    }

    /// Makes sure that what goes is what the owner was shown.
    private func check(_ record: KeyRecord?, isAsIn seen: KeyStatus?) throws(AdministrationError) {
        guard let seen, seen.record.key != record?.key else { return }
        throw AdministrationError(
            .data,
            "the key of \(seen.record.organization) has just been changed; nothing was done"
        )
    }

    private func audit(_ action: AuditEntry.Action) -> AuditEntry {
        AuditEntry(action, by: caller.principal, account: caller.account)
    }

    /// Reads back that a key is gone.
    private func confirmRevocation(of key: KeyRecord.Key, _ organization: Organization)
        throws(AdministrationError)
    {
        let stored: KeyRecord?
        do throws(AdministrationError) {
            stored = try store.record(of: organization)
        } catch {
            throw AdministrationError(
                .unconfirmed,
                "the key of \(organization) was revoked, but that could not be read back: "
                    + error.message
            )
        }
        guard stored?.key != key else {
            throw AdministrationError(
                .unconfirmed,
                "the key of \(organization) was revoked, but the store has it again: revoke it anew"
            )
        }
    }
}
