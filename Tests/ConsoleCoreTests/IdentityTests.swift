import Keyring
import Testing

@testable import ConsoleCore

@Suite struct `Who asks` {
    private func principal(_ values: [String]) throws -> Principal {
        let rule = try #require(HeaderIdentity("X-Latchkey-User"))
        return try rule.principal(
            ConsoleRequest(
                method: "GET",
                target: "/",
                headers: values.map { ("x-LATCHKEY-user", $0) } + [("X_Latchkey_User", "mallory")]
            )
        )
    }

    @Test func `the header names a principal`() throws {
        #expect(try principal(["alice@example.com"]) == alice)
    }

    @Test func `nobody is signed in without a header, or with an empty one`() throws {
        #expect(throws: Problem.notSignedIn(nil)) { try principal([]) }
        #expect(throws: Problem.notSignedIn(nil)) { try principal([""]) }
    }

    @Test(arguments: [
        ["alice", "bob"], ["alice", "alice"], ["", ""], ["alice,bob"], ["alice, bob"], ["alice,"],
        ["alice smith"], [" "], ["ä"], ["a\tb"], [String(repeating: "a", count: 129)],
    ])
    func `two names, a folded header and no name are refused`(values: [String]) throws {
        #expect(throws: Problem.invalid("x-latchkey-user")) { try principal(values) }
    }

    @Test(arguments: [
        "", "X_User", "X.User", "X User", "X-User:", "Cookie", "authorization", "Host", "Origin",
        "Accept-Language", "ä", String(repeating: "a", count: 65),
    ])
    func `a header that a proxy may not replace is not believed`(name: String) {
        #expect(HeaderIdentity(name) == nil)
    }
}

@Suite struct `Where a request came from` {
    private func address(_ values: [String], _ settings: String = "") throws -> String? {
        let headers = signedIn + values.map { (name: "X-Real-IP", value: $0) }
        return try console(settings).job("GET", "/console/acme", headers)?.address?.description
    }

    @Test func `the audit keeps what the proxy says`() throws {
        #expect(try address(["192.0.2.7"]) == "192.0.2.7")
        #expect(try address(["2001:DB8::7"]) == "2001:db8::7")
    }

    @Test(arguments: [
        [], [""], ["unix:"], ["192.0.2.7", "192.0.2.8"], ["192.0.2.7, 192.0.2.8"],
        ["x what=revoke"],
    ])
    func `anything but one address is not kept`(values: [String]) throws {
        #expect(try address(values) == nil)
    }

    @Test func `operators can leave addresses out`() throws {
        #expect(try address(["192.0.2.7"], "latchkey_console_audit_address off;") == nil)
        #expect(try address(["192.0.2.7"], "latchkey_console_audit_address on;") == "192.0.2.7")
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
            origins,
            hasToken: false
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

    @Test func `a token may say nothing of where it comes from, but nothing wrong`() {
        func permits(_ headers: [(name: String, value: String)]) -> Bool {
            let request = ConsoleRequest(method: "POST", target: "/", headers: headers)
            return CrossSiteRule.permits(request, ["https://app.example.com"], hasToken: true)
        }
        #expect(permits([]))
        #expect(permits([("Origin", "https://app.example.com")]))
        #expect(!permits([("Origin", "https://evil.test")]))
        #expect(!permits([("Origin", "https://app.example.com"), ("Origin", "https://evil.test")]))
        #expect(!permits([("Sec-Fetch-Site", "cross-site")]))
    }

    @Test func `a header that is there twice is refused`() {
        let site = ("Sec-Fetch-Site", "same-origin")
        #expect(!permits([site, site]))
        #expect(!permits([site, ("Sec-Fetch-Site", "cross-site")]))
        #expect(!permits([("Origin", "https://app.example.com"), ("Origin", "https://evil.test")]))
    }
}
