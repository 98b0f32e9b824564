/// Refuses changes that a page of another site has started.
///
/// A browser says where a request comes from, and no script can change what it says: `Sec-Fetch-Site`
/// where the address is HTTPS or loopback, `Origin` elsewhere and in older browsers. A request that says
/// neither is refused, too, unless it has a token, which no browser adds: a program can send `Origin`.
enum CrossSiteRule {
    /// Whether a request with a method other than GET and HEAD may be carried out.
    ///
    /// - Parameters:
    ///   - origins: What the address bar of the console's pages says.
    ///   - hasToken: Whether a token said who asks.
    static func permits(_ request: ConsoleRequest, _ origins: [String], hasToken: Bool) -> Bool {
        let sites = request.values("sec-fetch-site")
        guard sites.isEmpty else { return sites == ["same-origin"] }
        let named = request.values("origin")
        guard let origin = named.first else { return hasToken }
        return named.count == 1 && origins.contains(origin)
    }
}
