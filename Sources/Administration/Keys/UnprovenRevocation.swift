import KeyFormat
import Keyring
import RedisClient

/// Revokes a key whose record cannot be proven: ``KeyService/revoke(_:asIn:policy:)``, with what its
/// caller needs to know before.
public struct UnprovenRevocation {
    private let context: AdministrationContext

    /// Why the record cannot be proven.
    public let reason: String

    /// Revokes keys although the pepper is lost; `nil` if the pepper exists, even if the caller may not read it.
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
            channel: try StoreOpening.store(configuration),
            clock: SystemClock(),
            isPepperLost: true
        )
    }

    /// Completes a revocation that could only delete the keys and the seal; `nil` if the record of the
    /// organization is none that such a one has left.
    ///
    /// - Throws: An error if the store cannot be reached.
    public init?(of organization: Organization, _ context: AdministrationContext)
        throws(AdministrationError)
    {
        let locator = organization.locator
        let reply = try context.store.read([KeyCommands.read(locator)], at: .record(locator))[0]
        guard let stored = try? StoredRecord(reply), stored.isBare else { return nil }
        self.context = context
        reason = AdministrationError(.unsealed, "the record of \(organization)").message
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
        let reply = try store.read([KeyCommands.read(locator)], at: .record(locator))[0]
        let claim = try translating(try StoredRecord(reply)) { (fault: RecordFault) in
            AdministrationError(fault, "the record of \(organization)")
        }
        try context.access.check(claim, organization, .revoke)
        guard claim.unauthenticatedState == .active else { return nil }
        if collectsUses { _ = context.lastUses.collect(locator) }
        let use = try store.read([UseCommands.read(locator)], at: .uses(locator))[0]
        if let time = UseCommands.lastUse(use) { return .at(time) }
        return use.failure == nil ? .never : .unknown
    }

    /// Revokes the key, or confirms its revocation again if there is none; `nil` if there was never one.
    ///
    /// - Throws: An error if the caller is not the claimed owner, or the record cannot be changed.
    public func revoke(_ organization: Organization, policy: ConfirmationPolicy = .untilConfirmed)
        throws(AdministrationError) -> ConfirmationResult?
    {
        try context.keys.revoke(organization, policy: policy)
    }
}
