/// A signed JSON Web Token in its compact form (RFC 7515, 3.1), not yet verified.
struct SignedToken {
    /// What `alg` says.
    let algorithm: String

    /// What `kid` says; `nil` if it is missing.
    let keyID: String?

    /// The claims, which mean nothing before the signature is verified.
    private let claims: [String: JSONValue]

    private let message: [UInt8]
    private let signature: [UInt8]

    /// - Throws: ``TokenFault/malformed``, or ``TokenFault/critical`` if it demands what is not understood here.
    init(_ text: some StringProtocol) throws(TokenFault) {
        let parts = Array(text.utf8).split(
            separator: UInt8(ascii: "."),
            omittingEmptySubsequences: false
        )
        guard parts.count == 3, let header = Self.members(parts[0]),
            let claims = Self.members(parts[1]), let signature = Base64URL.decode(parts[2]),
            let algorithm = header["alg"]?.text
        else { throw .malformed }
        guard header["crit"] == nil else { throw .critical }
        if let id = header["kid"] {
            guard let text = id.text else { throw .malformed }
            keyID = text
        } else {
            keyID = nil
        }
        self.algorithm = algorithm
        self.claims = claims
        message = Array(parts[0] + [UInt8(ascii: ".")] + parts[1])
        self.signature = signature
    }

    /// The claims.
    ///
    /// - Throws: Why the token is not one of the set's.
    func claims(
        signedBy keys: WebKeySet,
        _ verifier: some SignatureVerifier
    ) throws(TokenFault) -> [String: JSONValue] {
        guard let key = keys.key(keyID) else { throw .unknownKey }
        guard key.algorithm.isNamed(algorithm) else { throw .algorithm }
        guard verifier.isValid(signature, of: message, by: key) else { throw .signature }
        return claims
    }

    private static func members(_ part: ArraySlice<UInt8>) -> [String: JSONValue]? {
        Base64URL.decode(part).flatMap { JSONValue($0)?.members }
    }
}

/// Why a token is not believed: the predicate of a sentence whose subject is the token. Clients may see it.
enum TokenFault: String, Error, CaseIterable {
    case malformed = "is not a signed JWT in compact form"
    case critical = "demands an extension that is not understood"
    case unknownKey = "names a key that is not in the set"
    case algorithm = "has another algorithm than its key"
    case signature = "has a wrong signature"
    case subject = "has no valid sub"
    case organization = "has no org"
    case audience = "is for another audience"
    case issuer = "is from another issuer"
    case expiry = "has no exp, or one that is more than 5 minutes ahead"
    case expired = "has expired"
    case notYetValid = "is not valid yet"
}
