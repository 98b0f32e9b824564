import Keyring

/// Who asks, and how that is known.
struct Asker: Equatable {
    let principal: Principal

    /// Whether a token said so.
    let hasToken: Bool

    /// When the principal last signed in; `nil` if that is not known.
    let authenticatedAt: UnixTime?

    /// Whether the last sign-in is recent enough for a change.
    ///
    /// - Parameter span: How many milliseconds ago it may be; `nil` if that does not matter.
    func isFresh(_ span: UInt64?, at now: UnixTime) -> Bool {
        guard let span else { return true }
        guard let authenticatedAt else { return false }
        return now <= authenticatedAt.advanced(byMilliseconds: span)
    }
}

extension Console {
    /// Who asks.
    ///
    /// - Throws: Why that is not known. A token for another organization finds nothing here.
    func asker(_ request: ConsoleRequest, _ route: Route, _ now: UnixTime) throws(Problem) -> Asker
    {
        switch settings.identity {
        case .header(let rule):
            Asker(principal: try rule.principal(request), hasToken: false, authenticatedAt: nil)
        case .token: try tokenAsker(request, route, now)
        }
    }

    private func tokenAsker(_ request: ConsoleRequest, _ route: Route, _ now: UnixTime)
        throws(Problem) -> Asker
    {
        guard let tokens else { throw .notSignedIn(nil) }
        let token = try TokenIdentity.token(request)
        let claims = try translating(try tokens.claims(token, now: now)) { (fault: TokenFault) in
            Problem.notSignedIn(fault)
        }
        guard claims.organization == route.organizationName else { throw .notFound }
        return Asker(
            principal: claims.principal,
            hasToken: true,
            authenticatedAt: claims.authenticatedAt
        )
    }

    /// What `WWW-Authenticate` says about a problem (RFC 6750, 3; RFC 9470, 3); `nil` if it says nothing.
    func challenge(_ problem: Problem) -> String? {
        guard tokens != nil else { return nil }
        switch problem {
        case .notSignedIn(nil): return "Bearer"
        case .notSignedIn(let fault?):
            return
                "Bearer error=\"invalid_token\", error_description=\"The token \(fault.rawValue)\""
        case .reauthenticationNeeded:
            let seconds = (settings.freshness ?? 0) / 1000
            return "Bearer error=\"insufficient_user_authentication\", max_age=\(seconds)"
        default: return nil
        }
    }
}
