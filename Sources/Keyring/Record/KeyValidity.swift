import KeyFormat

/// Whether a key issued by this installation is valid according to the record of its organization.
public enum KeyValidity: Equatable, Sendable {
    /// The active key, or the previous one while it stays valid.
    case valid(Organization)
    /// Replaced or revoked.
    case revoked
    case expired

    /// Compares a key with the accepted ones.
    public init(of verifier: Verifier, in keys: AcceptedKeys?, at now: UnixTime) {
        guard let keys else {
            self = .revoked
            return
        }
        if keys.active.verifier == verifier {
            self = keys.active.isValid(at: now) ? .valid(keys.organization) : .expired
        } else if let previous = keys.previous, previous.verifier == verifier,
            previous.isValid(at: now)
        {
            self = .valid(keys.organization)
        } else {
            self = .revoked
        }
    }

    /// Compares a key with the result of ``StoredRecord/activeRecord(at:seal:)``.
    public init(of verifier: Verifier, in record: KeyRecord?, at now: UnixTime) {
        self.init(of: verifier, in: record.flatMap { AcceptedKeys($0) }, at: now)
    }
}
