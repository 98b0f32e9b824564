import KeyFormat
import Keyring
import RedisClient

/// Everything that the services share: the configuration, the caller, the secrets, the store and
/// the clocks.
public struct AdministrationContext {
    let configuration: Configuration
    private(set) var caller: Caller
    let peppers: PepperRing
    let seal: RecordSeal
    let channel: any StoreChannel
    let clock: any BlockingClock
    let makeSignalID: (UnixTime) -> SignalID

    /// Whether the pepper is lost. The peppers are random then, and prove no record.
    private let isPepperLost: Bool

    /// Whether an error may suggest the name that was meant. Finding it reads all records.
    private(set) var suggestsNames = true

    /// Reads the secrets that the configuration names. The first command connects to the store.
    ///
    /// - Throws: An error if the pepper or the credentials cannot be read.
    public init(_ configuration: Configuration, caller: Caller) throws(AdministrationError) {
        self.init(
            configuration,
            caller: caller,
            peppers: try translatingSecretFault(try Secrets.peppers(configuration)),
            channel: try StoreOpening.store(configuration),
            clock: SystemClock()
        )
    }

    /// A context with any store and any clock.
    ///
    /// - Parameter makeSignalID: Returns the ID of the next signal; no ID may occur twice.
    init(
        _ configuration: Configuration,
        caller: Caller,
        peppers: PepperRing,
        channel: any StoreChannel,
        clock: any BlockingClock,
        isPepperLost: Bool = false,
        makeSignalID: @escaping (UnixTime) -> SignalID = Self.randomSignalID
    ) {
        self.configuration = configuration
        self.caller = caller
        self.peppers = peppers
        self.channel = channel
        self.clock = clock
        self.isPepperLost = isPepperLost
        self.makeSignalID = makeSignalID
        seal = RecordSeal(peppers: peppers)
    }

    /// The same account, acting as another principal, for one organization of many.
    func acting(as principal: Principal) -> AdministrationContext {
        var other = self
        other.caller = caller.acting(as: principal)
        other.suggestsNames = false
        return other
    }

    /// The same, without suggestions of names in errors: finding them reads all records.
    public func withoutSuggestions() -> AdministrationContext {
        var other = self
        other.suggestsNames = false
        return other
    }

    static func randomSignalID(_ time: UnixTime) -> SignalID {
        var generator = SystemRandomNumberGenerator()
        return SignalID(at: time, using: &generator)
    }
}

// MARK: - Services

extension AdministrationContext {
    /// Generates, revokes and verifies keys, and shows their status.
    public var keys: KeyService { KeyService(self) }

    /// Manages organizations and shows their audit.
    public var organizations: OrganizationService { OrganizationService(context: self) }

    /// Adds organizations and generates keys in batches.
    public var bulk: BulkService { BulkService(context: self) }

    /// Exports and imports all records.
    public var archive: ArchiveService { ArchiveService(self) }

    /// Converts what earlier releases have stored.
    public var migration: MigrationService { MigrationService(self) }

    /// The running workers; `nil` if the store does not list them.
    public func workers() -> Workers? {
        guard let reply = try? store.read([Membership.read], at: .membership)[0] else { return nil }
        return (try? Membership(reply)).map { Workers($0.members) }
    }

    var store: RecordStore {
        RecordStore(channel, clock: clock, seal: seal, makeSignalID: makeSignalID)
    }

    var access: AccessControl { AccessControl(self) }

    var confirmer: ChangeConfirmer { ChangeConfirmer(self) }

    var lastUses: LastUseCollector { LastUseCollector(self) }

    /// Whether the owner that a record claims may revoke its key although the record cannot be proven.
    func mayRevokeWithoutProof(_ claim: StoredRecord) -> Bool { isPepperLost || claim.isBare }

    /// A record of the caller, without a key, that follows one that cannot be proven.
    func successorWithoutProof(_ organization: Organization, _ claim: StoredRecord) -> KeyRecord {
        KeyRecord(
            organization: organization,
            owner: caller.principal,
            after: claim.unauthenticatedVersion
        )
    }

    /// The audit entry of an action of the caller.
    func audit(_ action: AuditEntry.Action, newOwner: Principal? = nil) -> AuditEntry {
        AuditEntry(
            action,
            by: caller.principal,
            account: caller.account,
            from: caller.address,
            newOwner: newOwner,
            at: clock.unix
        )
    }
}

extension Secrets {
    /// The peppers in the configured file.
    static func peppers(_ configuration: Configuration) throws(SecretFault) -> PepperRing {
        try peppers(try pepperContents(configuration), configuration)
    }

    /// The credentials in a file; `nil` without a file.
    static func credentials(file: String?) throws(SecretFault) -> RedisCredentials? {
        guard let file else { return nil }
        return try credentials(try credentialsContents(file))
    }
}
