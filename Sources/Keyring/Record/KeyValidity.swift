import KeyFormat

/// What an organization's record says of a key that was issued here.
public enum KeyValidity: Equatable, Sendable {
    /// The active key, or the one before it while it goes on.
    case valid(Organization)
    /// Replaced or revoked.
    case revoked
    case expired

    /// Compares a key with those that count.
    public init(of verifier: Verifier, in keys: AcceptedKeys?, at now: UnixTime) {
        guard let keys else {
            self = .revoked
            return
        }
        if keys.active.verifier == verifier {
            self = keys.active.counts(at: now) ? .valid(keys.organization) : .expired
        } else if let previous = keys.previous, previous.verifier == verifier,
            previous.counts(at: now)
        {
            self = .valid(keys.organization)
        } else {
            self = .revoked
        }
    }

    /// Compares a key with the record that ``StoredRecord/activeRecord(at:seal:)`` found.
    public init(of verifier: Verifier, in record: KeyRecord?, at now: UnixTime) {
        self.init(of: verifier, in: record.flatMap { AcceptedKeys($0) }, at: now)
    }
}
