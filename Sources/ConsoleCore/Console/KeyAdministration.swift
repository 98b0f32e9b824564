import Administration
import Keyring

/// What the console asks of Administration, for one principal.
public protocol KeyAdministration {
    /// The status of a key.
    ///
    /// - Parameters:
    ///   - action: What the principal is about to do.
    ///   - asksGateways: Whether gateways first report the uses that the store does not know.
    func status(
        of organization: Organization,
        for action: OwnerRule.Action,
        asksGateways: Bool
    ) throws(KeyFailure) -> KeyStatus

    /// A new key.
    ///
    /// - Parameter seen: What is replaced; `nil` for whatever is there.
    func generate(
        for organization: Organization,
        replacing seen: KeyStatus?,
        lifetime: KeyLifetime
    ) throws(KeyFailure) -> GeneratedKey

    /// Revokes the key; `nil` if there never was one.
    func revoke(_ organization: Organization, asIn seen: KeyStatus?) throws(KeyFailure)
        -> ConfirmationResult?

    /// What was done to an organization, and what was refused.
    func audit(of organization: Organization, since: UnixTime) throws(KeyFailure) -> [AuditLine]

    /// Number of gateways; `nil` if it is unknown.
    func gateways() -> Int?

    /// Whether the store answers.
    func isReady() -> Bool
}

/// Why a job was not done.
public enum KeyFailure: Error, Equatable, Sendable {
    /// The principal does not own such an organization, whether or not there is one.
    case notFound
    /// The key is not the one that was seen.
    case keyChanged
    /// It is uncertain whether the change was made. The reason is for the log.
    case uncertain(String)
    /// The store, the pepper or the record cannot be used. The reason is for the log.
    case unavailable(String)

    /// What an error of Administration means.
    init(
        _ error: AdministrationError,
        _ action: OwnerRule.Action,
        _ organization: Organization,
        by caller: Caller
    ) {
        let refusals = [
            OwnerRule.notOwner(action, organization, caller),
            OwnerRule.noOrganization(organization),
        ]
        if refusals.contains(error) {
            self = .notFound
        } else if error == KeyService.keyChanged(organization) {
            self = .keyChanged
        } else if error.kind == .unconfirmed {
            self = .uncertain(error.message)
        } else {
            self = .unavailable(error.message)
        }
    }
}

/// Administration itself.
public struct ContextAdministration: KeyAdministration {
    private let context: AdministrationContext
    private let caller: Caller

    /// - Parameter caller: The console's account, acting as the principal. It must be a delegate, or an
    ///   operator.
    /// - Throws: Why the secrets cannot be read.
    public init(_ configuration: Configuration, caller: Caller) throws(KeyFailure) {
        context = try translating(
            try AdministrationContext(configuration, caller: caller).withoutSuggestions()
        ) { (error: AdministrationError) in KeyFailure.unavailable(error.message) }
        self.caller = caller
    }

    /// See ``KeyAdministration``.
    public func status(
        of organization: Organization,
        for action: OwnerRule.Action,
        asksGateways: Bool
    ) throws(KeyFailure) -> KeyStatus {
        try run(action, organization) { () throws(AdministrationError) in
            try context.keys.status(of: organization, for: action, collectsUses: asksGateways)
        }
    }

    /// See ``KeyAdministration``.
    public func generate(
        for organization: Organization,
        replacing seen: KeyStatus?,
        lifetime: KeyLifetime
    ) throws(KeyFailure) -> GeneratedKey {
        try run(.generate, organization) { () throws(AdministrationError) in
            try context.keys.generate(for: organization, replacing: seen, lifetime: lifetime)
        }
    }

    /// See ``KeyAdministration``.
    public func revoke(_ organization: Organization, asIn seen: KeyStatus?) throws(KeyFailure)
        -> ConfirmationResult?
    {
        try run(.revoke, organization) { () throws(AdministrationError) in
            try context.keys.revoke(organization, asIn: seen)
        }
    }

    /// See ``KeyAdministration``.
    public func audit(of organization: Organization, since: UnixTime) throws(KeyFailure)
        -> [AuditLine]
    {
        try run(.audit, organization) { () throws(AdministrationError) in
            try context.organizations.audit(of: organization, since: since)
        }
    }

    /// See ``KeyAdministration``.
    public func gateways() -> Int? { context.workers()?.count }

    /// See ``KeyAdministration``.
    public func isReady() -> Bool { context.workers() != nil }

    private func run<Result: ~Copyable>(
        _ action: OwnerRule.Action,
        _ organization: Organization,
        _ body: () throws(AdministrationError) -> Result
    ) throws(KeyFailure) -> Result {
        try translating(try body()) { (error: AdministrationError) in
            KeyFailure(error, action, organization, by: caller)
        }
    }
}
