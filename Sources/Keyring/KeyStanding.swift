import KeyFormat

/// What an organization's record says of a key that was issued here.
public enum KeyStanding: Equatable, Sendable {
    /// The active key, or the one before it while it goes on.
    case valid(Organization)
    /// Replaced or revoked.
    case revoked
    case expired

    /// Compares a key with the record that ``StoredRecord/activeRecord(at:seal:)`` found.
    public init(of verifier: Verifier, in record: KeyRecord?, at now: UnixTime) {
        guard let record, let key = record.key else {
            self = .revoked
            return
        }
        if key.verifier == verifier {
            let isExpired = key.expiresAt.map { $0 <= now } ?? false
            self = isExpired ? .expired : .valid(record.organization)
        } else if let previous = record.previous, previous.verifier == verifier,
            now < previous.until
        {
            self = .valid(record.organization)
        } else {
            self = .revoked
        }
    }
}
