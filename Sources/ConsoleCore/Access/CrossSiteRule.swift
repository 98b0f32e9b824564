/// Refuses changes that a page of another site has started.
///
/// A browser says where a request comes from, and no script can change what it says: `Sec-Fetch-Site`
/// where the address is HTTPS or loopback, `Origin` elsewhere and in older browsers. A request that says
/// neither is refused, too: a program can send `Origin`.
enum CrossSiteRule {
    /// Whether a request with a method other than GET and HEAD may be carried out.
    ///
    /// - Parameter origins: What the address bar of the console's pages says.
    static func permits(_ request: ConsoleRequest, _ origins: [String]) -> Bool {
        let sites = request.values("sec-fetch-site")
        guard sites.isEmpty else { return sites == ["same-origin"] }
        guard let origin = request.value("origin") else { return false }
        return origins.contains(origin)
    }
}
