import Keyring
import Testing

@testable import Administration
@testable import ConsoleCore

@Suite struct `Generating` {
    private func version(_ administration: StandIn) -> String {
        EntityTag(administration.current).text
    }

    @Test func `a page shows the key, once and without a redirect`() throws {
        let administration = StandIn()
        let answer = try console().form(
            "generate",
            "version=\(version(administration))",
            administration
        )
        #expect(answer.status == 200)
        #expect(answer.body.split(separator: "lk_secret").count == 2)
        #expect(answer.header("Cache-Control") == "no-store")
        #expect(answer.header("Location") == nil)
        #expect(answer.body.contains("stopped working on all 4 gateways"))
        #expect(answer.outcome == "confirmed" && answer.note == nil)
        #expect(administration.calls == ["status acme generate", "generate acme seen 0 0"])
    }

    @Test func `a program gets the key and the confirmation`() throws {
        let administration = StandIn()
        administration.confirmation = confirmed(
            BarrierOutcome(expired: [member(1, host: "edge-1")])
        )
        let answer = try console().json("POST", "\"\(version(administration))\"", administration)
        #expect(answer.status == 201)
        #expect(answer.body.contains("\"key\":\"lk_secret\""))
        #expect(
            answer.body.contains(
                "\"confirmation\":{\"state\":\"confirmed\",\"since\":\"2026-11-28T14:02:11.215Z\","
                    + "\"gateways\":4,\"waited_out\":[\"edge-1\"]}"
            )
        )
        #expect(answer.header("ETag") == nil)
    }

    @Test func `whatever is there can be replaced, where that is said`() throws {
        let administration = StandIn()
        administration.gatewayCount = nil
        administration.confirmation = .notAwaited
        let answer = try console().json("POST", "*", "{\"expires_in\":null}", administration)
        #expect(answer.body.contains("\"state\":\"not_awaited\""))
        #expect(administration.calls.last == "generate acme any 0 0")
    }

    @Test func `what is offered can be chosen`() throws {
        let console = try console(
            "latchkey_console_expiry none 90d; latchkey_console_grace none 10m;"
        )
        let administration = StandIn()
        let terms = "{\"expires_in\":\"90d\",\"grace\":\"10m\"}"
        let answer = console.json("POST", "*", terms, administration)
        #expect(answer.status == 201)
        #expect(administration.calls.last == "generate acme any 7776000000 600000")
        #expect(answer.body.contains("\"previous_key_until\":\"2026-11-28T14:12:11.205Z\""))
        let form = "version=\(version(administration))&expires_in=none&grace=10m"
        let page = console.form("generate", form, administration)
        #expect(page.body.contains("The previous key stays valid until"))
        #expect(!page.body.contains("stopped working"))
    }

    @Test func `a form that is sent again makes no second key`() throws {
        let administration = StandIn()
        let answer = try console().form("generate", "version=v1.00000000", administration)
        #expect(answer.status == 412)
        #expect(answer.body.contains("The key has just been changed"))
        #expect(answer.body.contains("Generate a New API Key"))
        #expect(administration.calls == ["status acme generate"])
        #expect(answer.outcome == "stale")
        let json = try console().json("POST", "\"v1.00000000\"", administration)
        #expect(json.status == 412 && json.problem == "key-changed" && json.outcome == "stale")
    }

    @Test func `of two at the same time one makes a key`() throws {
        let administration = StandIn()
        administration.changeFailure = .keyChanged
        let answer = try console().form(
            "generate",
            "version=\(version(administration))",
            administration
        )
        #expect(answer.status == 412)
        #expect(answer.body.contains("The key has just been changed"))
        #expect(administration.calls.last == "status acme generate")
    }

    @Test func `an uncertain outcome is said, and logged`() throws {
        let administration = StandIn()
        administration.changeFailure = .uncertain("the connection was lost")
        let answer = try console().form(
            "generate",
            "version=\(version(administration))",
            administration
        )
        #expect(answer.status == 503)
        #expect(answer.header("Retry-After") == nil)
        #expect(answer.body.contains("It is not known whether the key was changed"))
        #expect(answer.note == "the connection was lost" && answer.outcome == "unknown")
    }

    @Test func `a doubt does not keep the key back`() throws {
        let administration = StandIn()
        let outcome = BarrierOutcome(
            unacknowledged: [.init(member: member(1, host: "edge-3"), until: later(30_000))]
        )
        administration.confirmation = .unconfirmed(.unacknowledged(outcome))
        let page = try console().form(
            "generate",
            "version=\(version(administration))",
            administration
        )
        #expect(page.status == 200)
        #expect(page.body.contains("lk_secret") && page.body.contains("role=\"alert\""))
        #expect(
            page.body.contains(
                "The new key has been created, but the gateway on <strong>edge-3</strong>"
            )
        )
        #expect(page.outcome == "unconfirmed")
        #expect(page.note?.contains("edge-3 (process 4711)") == true)
        let json = try console().json("POST", "*", administration)
        #expect(json.status == 201)
        #expect(
            json.body.contains(
                "\"state\":\"unconfirmed\",\"detail\":\"The new key has been created, but"
            )
        )
    }

    @Test func `whoever does not own it changes nothing`() throws {
        let administration = StandIn()
        administration.failure = .notFound
        let answer = try console().form("generate", "version=v1.a", administration)
        #expect(answer.status == 404 && answer.outcome == "refused")
        #expect(administration.calls == ["status acme generate"])
    }

    @Test func `a failure behind the check of the version is a failure`() throws {
        let administration = StandIn()
        administration.changeFailure = .unavailable("down")
        #expect(try console().json("POST", "*", administration).status == 503)
        #expect(try console().json("DELETE", "*", administration).status == 503)
    }
}

@Suite struct `Revoking` {
    private func version(_ administration: StandIn) -> String {
        EntityTag(administration.current).text
    }

    @Test func `a page leads back, and says since when`() throws {
        let administration = StandIn()
        let answer = try console().form(
            "revoke",
            "version=\(version(administration))",
            administration
        )
        #expect(answer.status == 303)
        let location = try #require(answer.header("Location"))
        #expect(location == "/console/acme?revoked=\(now.milliseconds + 10)")
        #expect(administration.calls == ["status acme revoke", "revoke acme seen"])
        let page = try console().answer("GET", location, from: administration)
        #expect(page.body.contains("role=\"status\""))
        #expect(page.body.contains("Revoked. No gateway has accepted the key since"))
    }

    @Test(arguments: [
        "revoked=1", "revoked=x", "revoked=\(now.milliseconds + 60_000)", "revoked=", "",
        "revoked=\(now.milliseconds - 1)",
    ])
    func `an address cannot say it of a key for which it is not true`(query: String) throws {
        let administration = StandIn()
        _ = try console().form("revoke", "version=\(version(administration))", administration)
        let page = try console().answer("GET", "/console/acme?\(query)", from: administration)
        #expect(!page.body.contains("Revoked."))
        let active = try console().answer(
            "GET",
            "/console/acme?revoked=\(now.milliseconds)",
            from: StandIn()
        )
        #expect(!active.body.contains("Revoked."))
    }

    @Test func `a revocation is not news for ever`() {
        let old = status(record(age: day).revokingKey(at: earlier(600_000)))
        #expect(Console.notice(earlier(599_000), old, now: now) == nil)
        let young = status(record(age: day).revokingKey(at: earlier(599_000)))
        #expect(Console.notice(earlier(598_000), young, now: now) == .revoked(earlier(598_000)))
    }

    @Test func `a program is told`() throws {
        let administration = StandIn()
        let answer = try console().json("DELETE", "\"\(version(administration))\"", administration)
        #expect(answer.status == 200)
        #expect(
            answer.body.hasPrefix(
                "{\"organization\":\"acme\",\"status\":\"none\",\"revoked\":true,\"confirmation\":{"
            )
        )
        #expect(answer.outcome == "confirmed")
    }

    @Test func `where there is no key nothing is done, whatever was seen`() throws {
        let administration = StandIn(record(age: nil), confirmation: nil)
        let answer = try console().json("DELETE", "\"v9.stale\"", administration)
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"revoked\":false,\"confirmation\":null"))
        #expect(answer.outcome == "none")
        #expect(administration.calls.last == "revoke acme seen")
        let page = try console().form("revoke", "version=v9.stale", administration)
        #expect(page.header("Location") == "/console/acme")
    }

    @Test func `a key that was not seen is not revoked`() throws {
        let administration = StandIn()
        let answer = try console().form("revoke", "version=v1.00000000", administration)
        #expect(answer.status == 412)
        #expect(administration.calls == ["status acme revoke"])
        administration.changeFailure = .keyChanged
        let json = try console().json("DELETE", "\"\(version(administration))\"", administration)
        #expect(json.problem == "key-changed")
        let any = try console().json("DELETE", "*", administration)
        #expect(any.status == 412)
    }

    @Test func `a doubt is a page with the words`() throws {
        let administration = StandIn()
        administration.confirmation = .unconfirmed(.undone)
        let answer = try console().form(
            "revoke",
            "version=\(version(administration))",
            administration
        )
        #expect(answer.status == 200)
        #expect(answer.body.contains("role=\"alert\""))
        #expect(
            answer.body.contains("The key has been revoked, but the store has lost the change.")
        )
        #expect(answer.note?.contains("repeat the change") == true)
    }

    @Test func `the meaning of errors is told apart`() {
        let caller = Caller(
            account: Principal("console")!,
            as: alice,
            operators: [],
            delegates: ["console"]
        )
        func failure(_ error: AdministrationError) -> KeyFailure {
            KeyFailure(error, .revoke, acme, by: caller)
        }
        #expect(failure(OwnerRule.notOwner(.revoke, acme, caller)) == .notFound)
        #expect(failure(OwnerRule.noOrganization(acme)) == .notFound)
        #expect(failure(KeyService.keyChanged(acme)) == .keyChanged)
        #expect(failure(AdministrationError(.unconfirmed, "x")) == .uncertain("x"))
        // A store that refuses the console's password is no matter of who owns what.
        #expect(failure(AdministrationError(.notPermitted, "NOPERM")) == .unavailable("NOPERM"))
        #expect(failure(AdministrationError(.data, "altered")) == .unavailable("altered"))
    }
}
