import Administration
import Keyring
import RedisClient
import Testing

@testable import ConsoleCore

@Suite struct `The console's directives` {
    private func fault(_ text: String) throws -> ConfigurationFault? {
        let directives = try ConfigurationFile.directives(in: Array(text.utf8))
        do throws(ConfigurationFault) {
            _ = try ConsoleSettings(directives)
            return nil
        } catch {
            return error
        }
    }

    private static let needed = """
        latchkey_console_origin https://app.example.com;
        latchkey_console_identity header X-User;
        """

    @Test func `only origin and identity are needed`() throws {
        let settings = try settings()
        #expect(settings.listener == .unix(path: "/run/latchkey-console/http.sock"))
        #expect(settings.base == "/console")
        #expect(settings.origins == ["https://app.example.com"])
        #expect(settings.languages == [.english, .german])
        #expect(settings.expiries.isEmpty && settings.graces.isEmpty)
        #expect(settings.changesPerHour == 10)
        #expect(settings.product == nil && settings.documentation == nil && settings.api == nil)
        #expect(settings.stylesheet == nil && settings.frameAncestors.isEmpty)
    }

    @Test func `every directive is understood`() throws {
        let settings = try ConsoleSettings(
            ConfigurationFile.directives(
                in: Array(
                    """
                    latchkey_store redis://127.0.0.1;
                    latchkey_console_listen unix:/tmp/console.sock;
                    latchkey_console_origin https://app.example.com http://[::1]:8080;
                    latchkey_console_identity header Remote-User;
                    latchkey_console_base /settings/api;
                    latchkey_console_expiry none 30d;
                    latchkey_console_grace 10m;
                    latchkey_console_languages de en;
                    latchkey_console_product "Discount Flow" https://example.com/;
                    latchkey_console_documentation /docs#keys;
                    latchkey_console_api https://api.example.com/graphql;
                    latchkey_console_stylesheet /theme.css;
                    latchkey_console_frame_ancestors https://app.example.com;
                    latchkey_console_changes 100/h;
                    """.utf8
                )
            )
        )
        #expect(settings.listener == .unix(path: "/tmp/console.sock"))
        #expect(settings.origins == ["https://app.example.com", "http://[::1]:8080"])
        #expect(settings.identity == .header(HeaderIdentity("remote-user")!))
        #expect(settings.base == "/settings/api")
        #expect(settings.expiries.map(\.milliseconds) == [nil, 2_592_000_000])
        #expect(settings.graces.map(\.text) == ["10m"])
        #expect(settings.languages == [.german, .english])
        #expect(settings.product?.text == "Discount Flow")
        #expect(settings.documentation == "/docs#keys")
        #expect(settings.api == "https://api.example.com/graphql")
        #expect(settings.stylesheet == "/theme.css")
        #expect(settings.frameAncestors == ["https://app.example.com"])
        #expect(settings.changesPerHour == 100)
    }

    @Test func `no origin and no identity are faults`() throws {
        #expect(
            try fault("latchkey_console_identity header X-User;")?.message
                .contains("latchkey_console_origin") == true
        )
        #expect(
            try fault("latchkey_console_origin https://a;")?.message
                .contains("latchkey_console_identity") == true
        )
    }

    @Test func `a base of one slash is none`() throws {
        #expect(try settings("latchkey_console_base /;").base == "")
    }

    @Test(arguments: [
        "listen", "listen 127.0.0.1:80", "listen unix:relative", "listen unix:/a unix:/b",
        "listen unix:/" + String(repeating: "x", count: 110),
        "base", "base console", "base /console/", "base //x", "base /a//b", "base /a?b",
        "base /a%20b",
        "expiry", "expiry soon", "expiry 90", "expiry 30d 30d", "expiry 0", "expiry 59s",
        "grace", "grace none none", "languages", "languages fr", "languages en en",
        "product", "product DiscountFlow", "product \"\" https://a",
        "product X javascript:alert(1)",
        "product X https://", "product X //evil.test", "documentation", "documentation ftp://a",
        "documentation https://a\\\"b", "api data:x", "api /a /b", "stylesheet",
        "stylesheet https://a/b.css", "stylesheet //a/b.css", "stylesheet theme.css",
        "frame_ancestors", "frame_ancestors *", "frame_ancestors \"https://a;script-src\"",
        "frame_ancestors app.example.com", "audit_address", "audit_address no",
        "audit_address off off", "issuer https://id.example.com", "fresh 15m", "changes",
        "changes 10", "changes 0/h", "changes -1/h",
        "changes 10001/h", "changes x/h", "unheard_of x", "", "Listen unix:/a",
    ])
    func `a wrong value is a fault with its line`(directive: String) throws {
        let fault = try #require(try self.fault("\(Self.needed)\nlatchkey_console_\(directive);"))
        #expect(fault.line == 3)
        #expect(fault.directive?.hasPrefix("latchkey_console_") == true)
    }

    @Test(arguments: [
        "origin", "origin app.example.com", "origin https://", "origin https://a/",
        "origin https://A",
        "origin *", "origin null", "identity", "identity header", "identity header X_User",
        "identity token", "identity token keys.json", "identity token /a /b", "identity X-User",
        "identity header Cookie", "identity header A B",
    ])
    func `a wrong origin or identity is a fault`(directive: String) throws {
        let others = Self.needed.split(separator: "\n").filter {
            !$0.hasPrefix("latchkey_console_\(directive.prefix(6))")
        }
        let text = others.joined(separator: "\n") + "\nlatchkey_console_\(directive);"
        #expect(try fault(text)?.line == 2)
    }

    @Test func `a directive may appear once`() throws {
        let twice = "\(Self.needed)\nlatchkey_console_origin https://b;"
        #expect(try fault(twice)?.message.hasSuffix("is duplicate") == true)
    }

    private static let withTokens = """
        latchkey_console_origin https://app.example.com;
        latchkey_console_identity token /etc/latchkey/console-keys.json;
        """

    @Test func `tokens may arrive on a loopback port, from one issuer, after a recent sign-in`()
        throws
    {
        let text = """
            \(Self.withTokens)
            latchkey_console_listen 127.0.0.1:8090;
            latchkey_console_issuer https://id.example.com/;
            latchkey_console_fresh 15m;
            """
        let settings = try ConsoleSettings(ConfigurationFile.directives(in: Array(text.utf8)))
        #expect(settings.identity == .token(file: "/etc/latchkey/console-keys.json"))
        #expect(settings.listener == .tcp(host: "127.0.0.1", port: 8090))
        #expect(settings.issuer == "https://id.example.com/")
        #expect(settings.freshness == 900_000)
    }

    @Test(arguments: [
        "listen", "listen 127.0.0.1", "listen 127.0.0.1:0", "listen 127.0.0.1:65536",
        "listen 127.0.0.1:+80", "listen 127.0.0.1:080", "listen 127.0.0.256:80",
        "listen 0.0.0.0:80", "listen 10.0.0.1:80", "listen [::]:80", "listen ::1:80",
        "listen localhost:80", "listen *:80", "listen :80", "listen 127.0.0.1:80:80", "issuer",
        "issuer a b", "fresh", "fresh soon", "fresh 59s", "fresh 15m 15m",
    ])
    func `a wrong address, issuer or time is a fault`(directive: String) throws {
        let fault = try self.fault("\(Self.withTokens)\nlatchkey_console_\(directive);")
        #expect(fault?.line == 3)
    }

    @Test(arguments: [
        ("unix:/run/c.sock", Endpoint.unix(path: "/run/c.sock")),
        ("127.255.0.1:1", .tcp(host: "127.255.0.1", port: 1)),
        ("[::1]:65535", .tcp(host: "::1", port: 65_535)),
    ])
    func `an address is shown as it is written`(text: String, endpoint: Endpoint) {
        #expect(ConsoleAddress.endpoint(text) == endpoint)
        #expect(endpoint.description == text)
    }

    @Test func `only what is offered can be chosen`() throws {
        let free = try settings()
        #expect(free.expiry(nil) == SpanChoice.none && free.expiry("none") == SpanChoice.none)
        #expect(free.expiry("90d") == nil && free.grace("10m") == nil)
        let bound = try settings(
            "latchkey_console_expiry 30d 90d; latchkey_console_grace none 10m;"
        )
        #expect(bound.expiry(nil) == nil && bound.expiry("none") == nil)
        #expect(bound.expiry("90d")?.milliseconds == 7_776_000_000)
        #expect(bound.expiry("31d") == nil)
        #expect(bound.grace(nil) == SpanChoice.none && bound.grace("10m")?.milliseconds == 600_000)
    }
}
