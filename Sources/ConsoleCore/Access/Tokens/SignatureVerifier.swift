/// Verifies signatures.
public protocol SignatureVerifier: Sendable {
    /// Whether a key has signed a message.
    func isValid(_ signature: [UInt8], of message: [UInt8], by key: WebKey) -> Bool
}

/// The algorithms whose signatures are accepted (RFC 7518, 3.1; RFC 8037, 3.1).
public enum SignatureAlgorithm: String, Sendable {
    case edDSA = "EdDSA"
    case es256 = "ES256"
    case rs256 = "RS256"
    case hs256 = "HS256"

    /// Whether a name means the algorithm. EdDSA has a second one (RFC 9864).
    func isNamed(_ name: String) -> Bool {
        name == rawValue || self == .edDSA && name == "Ed25519"
    }
}
