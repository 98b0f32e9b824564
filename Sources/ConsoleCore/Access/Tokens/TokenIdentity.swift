import Keyring

/// Believes signed tokens: `Authorization: Bearer` (RFC 6750).
struct TokenIdentity: Sendable {
    /// How far ahead a token may expire, in seconds. A stolen one is useless after that.
    private static let lifetimeMax: Double = 300

    /// How far the clock of whoever signs may be ahead, in seconds.
    private static let skewMax: Double = 60

    let keys: WebKeySet
    let verifier: any SignatureVerifier

    /// The origins of the console: a token must be for one of them.
    let audiences: [String]

    /// Who must have signed; `nil` if that does not matter.
    let issuer: String?

    /// Who a token says that it is for.
    struct Claims: Equatable {
        let principal: Principal
        let organization: String
        /// When the principal last signed in; `nil` if the token does not say so.
        let authenticatedAt: UnixTime?
    }

    /// The token of a request.
    ///
    /// - Throws: ``Problem/notSignedIn(_:)`` if there is none, ``Problem/invalid(_:)`` for more than one.
    static func token(_ request: ConsoleRequest) throws(Problem) -> Substring {
        let values = request.values("authorization")
        guard let value = values.first else { throw .notSignedIn(nil) }
        guard values.count == 1 else { throw .invalid("authorization") }
        let words = value.split(separator: " ", maxSplits: 1)
        guard words.count == 2, words[0].lowercased() == "bearer" else { throw .notSignedIn(nil) }
        let token = words[1].trimmingBlanks()
        guard !token.utf8.contains(where: { " ,\t".utf8.contains($0) }) else {
            throw .invalid("authorization")
        }
        return token
    }

    /// What a token says, if it is to be believed.
    func claims(_ token: Substring, now: UnixTime) throws(TokenFault) -> Claims {
        let members = try SignedToken(token).claims(signedBy: keys, verifier)
        let seconds = Double(now.milliseconds) / 1000
        try checkTimes(members, seconds)
        try checkParties(members)
        guard let principal = members["sub"]?.text.flatMap({ Principal($0) }) else {
            throw .subject
        }
        guard let organization = members["org"]?.text else { throw .organization }
        return Claims(
            principal: principal,
            organization: organization,
            authenticatedAt: try Self.authentication(members, seconds)
        )
    }

    private func checkTimes(_ members: [String: JSONValue], _ now: Double) throws(TokenFault) {
        guard case .number(let expiry)? = members["exp"], expiry <= now + Self.lifetimeMax else {
            throw .expiry
        }
        guard now < expiry else { throw .expired }
        for name in ["nbf", "iat"] {
            guard let value = members[name] else { continue }
            guard case .number(let start) = value, start <= now + Self.skewMax else {
                throw .notYetValid
            }
        }
    }

    private func checkParties(_ members: [String: JSONValue]) throws(TokenFault) {
        let named: [String] =
            switch members["aud"] {
            case .string(let name)?: [name]
            case .array(let names)?: names.compactMap(\.text)
            default: []
            }
        guard named.contains(where: audiences.contains) else { throw .audience }
        guard issuer == nil || members["iss"]?.text == issuer else { throw .issuer }
    }

    private static func authentication(_ members: [String: JSONValue], _ now: Double)
        throws(TokenFault) -> UnixTime?
    {
        guard case .number(let seconds)? = members["auth_time"] else { return nil }
        guard (0...now + skewMax).contains(seconds) else { throw .notYetValid }
        return UnixTime(milliseconds: Int64(seconds * 1000))
    }
}
