/// The fields of a record, in the order in which they are read and sealed.
public enum RecordField: Int, CaseIterable, Sendable {
    case organization
    case owner
    case version
    case state
    case verifier
    case createdAt
    case createdBy
    case expiresAt
    case previousVerifier
    case previousUntil
    case revokedAt
    case mac

    /// All fields except the seal itself.
    static let sealed = allCases.dropLast()

    /// Whether a record keeps the field when its key is revoked. The seal is made anew.
    var staysWithoutKey: Bool {
        switch self {
        case .organization, .owner, .version, .state, .revokedAt: true
        case .verifier, .createdAt, .createdBy, .expiresAt, .previousVerifier, .previousUntil, .mac:
            false
        }
    }

    /// The name of the field in the hash.
    public var name: String {
        switch self {
        case .organization: "organization"
        case .owner: "owner"
        case .version: "version"
        case .state: "state"
        case .verifier: "verifier"
        case .createdAt: "created_at"
        case .createdBy: "created_by"
        case .expiresAt: "expires_at"
        case .previousVerifier: "previous_verifier"
        case .previousUntil: "previous_until"
        case .revokedAt: "revoked_at"
        case .mac: "mac"
        }
    }
}
