import Keyring
import Testing

@testable import ConsoleCore

@Suite struct `Who asks` {
    private func identity(_ values: [String]) throws -> Identity {
        let rule = try #require(HeaderIdentity("X-Latchkey-User"))
        return rule.identity(
            ConsoleRequest(
                method: "GET",
                target: "/",
                headers: values.map { ("x-LATCHKEY-user", $0) } + [("X_Latchkey_User", "mallory")]
            )
        )
    }

    @Test func `the header names a principal`() throws {
        #expect(try identity(["alice@example.com"]) == .principal(alice))
    }

    @Test func `nobody is signed in without a header, or with an empty one`() throws {
        #expect(try identity([]) == .missing)
        #expect(try identity([""]) == .missing)
    }

    @Test(arguments: [
        ["alice", "bob"], ["alice", "alice"], ["", ""], ["alice,bob"], ["alice, bob"], ["alice,"],
        ["alice smith"], [" "], ["ä"], ["a\tb"], [String(repeating: "a", count: 129)],
    ])
    func `two names, a folded header and no name are refused`(values: [String]) throws {
        #expect(try identity(values) == .invalid)
    }

    @Test(arguments: [
        "", "X_User", "X.User", "X User", "X-User:", "Cookie", "authorization", "Host", "Origin",
        "Accept-Language", "ä", String(repeating: "a", count: 65),
    ])
    func `a header that a proxy may not replace is not believed`(name: String) {
        #expect(HeaderIdentity(name) == nil)
    }
}

@Suite struct `Requests of other sites` {
    private func permits(
        _ headers: [(String, String)],
        origins: [String] = ["https://app.example.com"]
    )
        -> Bool
    {
        CrossSiteRule.permits(
            ConsoleRequest(
                method: "POST",
                target: "/",
                headers: headers.map { (name: $0, value: $1) }
            ),
            origins
        )
    }

    @Test func `the page itself may make changes`() {
        #expect(permits([("Sec-Fetch-Site", "same-origin")]))
        #expect(permits([("Origin", "https://app.example.com")]))
        #expect(permits([("Origin", "http://b")], origins: ["https://a", "http://b"]))
    }

    @Test(arguments: [
        "cross-site", "same-site", "none", "", "Same-Origin", "same-origin, same-origin",
    ])
    func `no other site may`(site: String) {
        #expect(!permits([("Sec-Fetch-Site", site), ("Origin", "https://app.example.com")]))
    }

    @Test(arguments: [
        "null", "", "http://app.example.com", "https://app.example.com:8443",
        "https://other.example.com", "https://app.example.com.evil.test", "https://APP.example.com",
    ])
    func `an origin is compared exactly`(origin: String) {
        #expect(!permits([("Origin", origin)]))
    }

    @Test func `a request that does not say where it comes from is refused`() {
        #expect(!permits([]))
        #expect(!permits([("Referer", "https://app.example.com/console/acme")]))
    }

    @Test func `a header that is there twice is refused`() {
        let site = ("Sec-Fetch-Site", "same-origin")
        #expect(!permits([site, site]))
        #expect(!permits([site, ("Sec-Fetch-Site", "cross-site")]))
        #expect(!permits([("Origin", "https://app.example.com"), ("Origin", "https://evil.test")]))
    }
}
