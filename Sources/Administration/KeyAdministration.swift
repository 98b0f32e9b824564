import KeyFormat
import Keyring
import RedisClient

/// Adds organizations, generates and revokes keys, tells their status: for those who may.
public final class KeyAdministration {
    /// How often a change is tried again because somebody else was faster.
    private static let attemptsMax = 16

    private let configuration: Configuration
    private let caller: Caller
    private let peppers: PepperRing
    private let credentials: RedisCredentials?
    private let seal: RecordSeal
    private var store: StoreConnection

    /// Reads the secrets that the configuration names; connects with the first thing to do.
    public init(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        self.configuration = configuration
        self.caller = caller
        do throws(SecretFault) {
            peppers = try Secrets.peppers(try Secrets.pepperContents(configuration), configuration)
            credentials = try configuration.adminCredentialsFile.map { path throws(SecretFault) in
                try Secrets.credentials(try Secrets.credentialsContents(path))
            }
        } catch {
            throw AdministrationError(error)
        }
        seal = RecordSeal(peppers: peppers)
        store = StoreConnection(configuration.topology, credentials: credentials)
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
        let (added, _) = try change(organization, .register) {
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
        return added != nil
    }

    /// Tells the status to the owner.
    ///
    /// - Parameter action: What the owner is about to do.
    public func status(
        of organization: Organization,
        for action: OwnerRule.Action = .status
    ) throws(AdministrationError) -> KeyStatus {
        let locator = organization.locator
        let replies = try execute([KeyCommands.read(locator), UseCommands.read(locator)])
        let record = try owned(replies[0], organization, action)
        return KeyStatus(
            record,
            use: UseCommands.lastUse(replies[1]),
            rotateAfterMilliseconds: configuration.rotateAfterMilliseconds,
            now: SystemClock.unixTime()
        )
    }

    /// Makes a key and invalidates the one before it, at once or after the grace. The text is to be
    /// shown once.
    ///
    /// - Parameters:
    ///   - span: After how many milliseconds the key expires.
    ///   - grace: For how many milliseconds the key before goes on.
    public func generate(
        for organization: Organization,
        expiresInMilliseconds span: UInt64?,
        graceMilliseconds grace: UInt64
    ) throws(AdministrationError) -> SecretBytes {
        let minted = KeyMint(prefix: configuration.prefix, pepper: peppers.current).mint(
            for: organization.locator
        )
        let verifier = minted.verifier
        _ = try change(organization, .generate) { existing throws(AdministrationError) in
            try self.check(existing, organization, .generate)
            let now = SystemClock.unixTime()
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: self.caller.principal,
                expiresAt: span.map { now.advanced(byMilliseconds: $0) }
            )
            return existing?.replacingKey(with: key, graceMilliseconds: grace)
        }
        return minted.takeText()
    }

    /// Revokes the key. Returns since when no gateway accepts it, or `nil` where there was none.
    public func revoke(_ organization: Organization) throws(AdministrationError) -> UnixTime? {
        let (revoked, confirmedAt) = try change(organization, .revoke) {
            existing throws(AdministrationError) in
            try self.check(existing, organization, .revoke)
            return existing?.key == nil ? nil : existing?.revokingKey(at: SystemClock.unixTime())
        }
        return revoked == nil ? nil : confirmedAt
    }

    /// What a gateway would say of a key.
    public func verify(_ text: Span<UInt8>) throws(AdministrationError) -> KeyVerification {
        switch KeyVerifier(prefix: configuration.prefix, peppers: peppers).verdict(on: text) {
        case .malformed: return .malformed
        case .forged: return .forged
        case .issued(let key):
            let reply = try execute([KeyCommands.read(key.locator)])[0]
            do throws(RecordFault) {
                let record = try StoredRecord(reply).activeRecord(at: key.locator, seal: seal)
                return .issued(
                    KeyStanding(of: key.verifier, in: record, at: SystemClock.unixTime())
                )
            } catch {
                throw AdministrationError(.data, "the record of locator \(key.locator) \(error)")
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

// MARK: - Records

extension KeyAdministration {
    private func record(
        _ reply: RedisReply,
        _ organization: Organization
    ) throws(AdministrationError) -> KeyRecord? {
        do throws(RecordFault) {
            let stored = try StoredRecord(reply)
            return stored.isAbsent ? nil : try stored.record(at: organization.locator, seal: seal)
        } catch {
            throw AdministrationError(error, organization)
        }
    }

    private func owned(
        _ reply: RedisReply,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) -> KeyRecord {
        let record = try record(reply, organization)
        try check(record, organization, action)
        guard let record else {
            throw AdministrationError(.data, "there is no organization \(organization)")
        }
        return record
    }

    private func check(
        _ record: KeyRecord?,
        _ organization: Organization,
        _ action: OwnerRule.Action
    ) throws(AdministrationError) {
        try OwnerRule.check(action, on: organization, owner: record?.owner, by: caller)
    }

    /// Writes the successor of a record, worked out anew whenever somebody else was faster.
    ///
    /// - Parameter successor: Gets what is stored; returns `nil` where nothing is to be done.
    /// - Returns: What was written, if anything was, and when the store had confirmed it.
    private func change(
        _ organization: Organization,
        _ action: AuditEntry.Action,
        _ successor: (KeyRecord?) throws(AdministrationError) -> KeyRecord?
    ) throws(AdministrationError) -> (KeyRecord?, UnixTime) {
        for _ in 0..<Self.attemptsMax {
            let replies = try execute([
                KeyCommands.watch(organization.locator), KeyCommands.read(organization.locator),
            ])
            guard let next = try successor(try record(replies[1], organization))
            else { return (nil, SystemClock.unixTime()) }
            if try write(next, action) { return (next, SystemClock.unixTime()) }
        }
        throw AdministrationError(
            .store,
            "others keep changing the record of \(organization); nothing was done"
        )
    }

    /// Returns `false` where somebody else was faster.
    private func write(_ record: KeyRecord, _ action: AuditEntry.Action) throws(AdministrationError)
        -> Bool
    {
        let audit = AuditEntry(action, by: caller.principal, account: caller.account)
        let outcome: WriteOutcome
        do throws(StoreConnection.Fault) {
            let replies = try store.execute(KeyCommands.write(record, seal: seal, audit: audit))
            outcome = replies.last.map { WriteOutcome($0, version: record.version) } ?? .unknown
        } catch {
            guard case .interrupted = error else { throw AdministrationError(error) }
            outcome = .unknown
        }
        switch outcome {
        case .written: return true
        case .overtaken: return false
        case .refused(let error): throw AdministrationError(error)
        case .unknown:
            try confirm(record)
            return true
        }
    }

    /// Reads back a change whose outcome is not known.
    private func confirm(_ record: KeyRecord) throws(AdministrationError) {
        let organization = record.organization
        store = StoreConnection(configuration.topology, credentials: credentials)
        let stored: KeyRecord?
        do throws(AdministrationError) {
            stored = try self.record(
                try execute([KeyCommands.read(organization.locator)])[0],
                organization
            )
        } catch {
            throw AdministrationError(
                .unconfirmed,
                "it is not known whether the record of \(organization) was changed: \(error.message); "
                    + "see \"latchkey status \(organization)\" when the store is back"
            )
        }
        guard let stored, stored == record else {
            throw AdministrationError(
                .store,
                "the connection to the store was lost; the record of \(organization) was not changed"
            )
        }
    }

    private func execute(_ commands: [RedisCommand]) throws(AdministrationError) -> [RedisReply] {
        do throws(StoreConnection.Fault) {
            return try store.execute(commands)
        } catch {
            throw AdministrationError(error)
        }
    }
}

extension AdministrationError {
    fileprivate init(_ fault: StoreConnection.Fault) {
        switch fault {
        case .unreachable(let text), .interrupted(let text):
            self.init(.store, "\(text); nothing was done")
        case .notPermitted(let text):
            self.init(.notPermitted, "this account is not permitted to manage keys: \(text)")
        }
    }
}
