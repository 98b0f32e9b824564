import Keyring
import Testing

@testable import Administration
@testable import ConsoleCore

/// What is answered without the store.
@Suite struct `Decisions` {
    @Test func `whoever is not signed in learns nothing else`() throws {
        for target in ["/console/acme", "/console/acme/revoke", "/console/%00"] {
            let answer = try console().answer("GET", target, [])
            #expect(answer.status == 401)
            #expect(answer.body.contains("You are not signed in."))
            #expect(!answer.body.contains("acme"))
        }
        let answer = try console().answer("GET", "/console/api/v1/organizations/acme/key", [])
        #expect(answer.status == 401 && answer.problem == "not-signed-in")
    }

    @Test func `a name that is there twice is a bad request`() throws {
        let answer = try console().answer("GET", "/console/acme", signedIn + signedIn)
        #expect(answer.status == 400)
        #expect(answer.body.contains("x-latchkey-user"))
    }

    @Test(arguments: ["/", "/console", "/console/", "/console/acme/x", "/console/api/v1/x"])
    func `a path that names nothing is not found`(target: String) throws {
        #expect(try console().answer("GET", target).status == 404)
    }

    @Test func `a path below the API is not found in JSON`() throws {
        let answer = try console().answer("GET", "/console/api/v1/x", [])
        #expect(answer.status == 404 && answer.problem == "not-found")
        #expect(answer.header("Content-Type") == "application/problem+json")
    }

    @Test(arguments: [
        ("DELETE", "/console/acme", "GET, HEAD"),
        ("PUT", "/console/acme/revoke", "GET, HEAD, POST"),
        ("PATCH", "/console/api/v1/organizations/acme/key", "GET, HEAD, POST, DELETE"),
        ("OPTIONS", "/console/api/v1/organizations/acme/audit", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("POST", "/console/assets/x", "GET, HEAD"), ("get", "/console/acme", "GET, HEAD"),
    ])
    func `a method that a path does not have is named`(
        method: String,
        target: String,
        allow: String
    ) throws {
        let answer = try console().answer(method, target, signedIn + sameOrigin)
        #expect(answer.status == 405)
        #expect(answer.header("Allow") == allow)
    }

    @Test func `a change from another site is refused, whatever else is wrong`() throws {
        for headers in [
            [], [(name: "Sec-Fetch-Site", value: "cross-site")], [(name: "Origin", value: "null")],
        ] {
            let form = try console().answer("POST", "/console/acme/revoke", signedIn + headers)
            #expect(form.status == 403)
            #expect(form.body.contains("The request came from another site"))
            for method in ["POST", "DELETE"] {
                let target = "/console/api/v1/organizations/acme/key"
                let answer = try console().answer(method, target, signedIn + headers)
                #expect(answer.status == 403 && answer.problem == "cross-site")
            }
        }
    }

    @Test func `a body that is too long is refused`() throws {
        let body = String(repeating: "a", count: 4097)
        let answer = try console().form("generate", body, StandIn())
        #expect(answer.status == 413)
        #expect(try console().json("POST", "*", body, StandIn()).problem == "too-large")
    }

    @Test func `a body of another type is refused`() throws {
        let page = try console().answer(
            "POST",
            "/console/acme/generate",
            signedIn + sameOrigin + [("Content-Type", "text/plain")],
            body: "version=v1"
        )
        #expect(page.status == 415)
        let api = try console().answer(
            "POST",
            "/console/api/v1/organizations/acme/key",
            signedIn + sameOrigin + [("If-Match", "*")],
            body: "{}"
        )
        #expect(api.status == 415 && api.problem == "unsupported-type")
    }

    @Test func `the type of a body may have parameters`() throws {
        let job = try console().job(
            "POST",
            "/console/acme/generate",
            signedIn + sameOrigin + [
                ("Content-Type", "application/x-www-form-urlencoded ; charset=UTF-8")
            ],
            body: "version=v1"
        )
        #expect(job?.change == .generate)
    }

    @Test(arguments: ["version=%", "version=%ff"])
    func `a form that cannot be read is refused`(body: String) throws {
        #expect(try console().form("generate", body, StandIn()).status == 400)
    }

    @Test(arguments: ["", "expires_in=none", "version=a&version=b"])
    func `a form without the version that was seen is refused`(body: String) throws {
        #expect(try console().form("generate", body, StandIn()).status == 428)
        #expect(try console().form("revoke", body, StandIn()).status == 428)
    }

    @Test func `a change without If-Match is refused`() throws {
        #expect(try console().json("POST", nil, StandIn()).problem == "precondition-needed")
        #expect(try console().json("DELETE", nil, StandIn()).problem == "precondition-needed")
        #expect(try console().json("DELETE", "v1", StandIn()).problem == "invalid")
    }

    @Test(arguments: [
        ("", "body"), ("[]", "body"), ("{\"a\":\"b\"}", "a"),
        ("{\"expires_in\":\"90d\"}", "expires_in"),
        ("{\"grace\":\"10m\"}", "grace"), ("{\"grace\":\"-1\"}", "grace"),
    ])
    func `a body that asks for what is not offered is refused`(body: String, part: String) throws {
        let answer = try console().json("POST", "*", body, StandIn())
        #expect(answer.status == 400 && answer.problem == "invalid")
        #expect(answer.body.contains("Invalid: \(part)."))
    }

    @Test(arguments: ["since=soon", "since=0", "since=7d&since=7d", "x=1", "since=%", "since"])
    func `an audit since a time that is none is refused`(query: String) throws {
        let answer = try console().answer(
            "GET",
            "/console/api/v1/organizations/acme/audit?\(query)"
        )
        #expect(answer.status == 400)
    }

    @Test func `health needs nothing`() throws {
        let answer = try console().answer("GET", "/healthz", [])
        #expect(answer.status == 204 && answer.body == "")
    }

    @Test func `files are the same for all and never change`() throws {
        for asset in Asset.allCases {
            let answer = try console().answer("GET", "/console/assets/\(asset.name)", [])
            #expect(answer.status == 200)
            #expect(answer.header("Content-Type") == asset.type)
            #expect(answer.header("Cache-Control") == "public, max-age=31536000, immutable")
            #expect(answer.body == String(decoding: asset.contents, as: UTF8.self))
            #expect(try console().answer("HEAD", "/console/assets/\(asset.name)", []).body == "")
        }
        #expect(try console().answer("GET", "/console/assets/console.css", []).status == 404)
    }

    @Test func `the description names the base`() throws {
        let answer = try console().answer("GET", "/console/api/v1/openapi.json", [])
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"url\": \"/console\""))
        #expect(answer.body.contains("\"enum\": [\"none\",null]"))
        #expect(!answer.body.contains("{{"))
        let bound = try console("latchkey_console_expiry 30d 90d; latchkey_console_grace none 1h;")
            .answer("GET", "/console/api/v1/openapi.json", []).body
        #expect(bound.contains("\"enum\": [\"30d\",\"90d\"]"))
        #expect(bound.contains("\"enum\": [\"none\",\"1h\",null]"))
        let root = try console("latchkey_console_base /;").answer("GET", "/api/v1/openapi.json", [])
        #expect(root.body.contains("\"url\": \"/\""))
    }

    @Test func `every page forbids what a page could be abused for`() throws {
        let answer = try console().answer("GET", "/console/acme")
        let policy = try #require(answer.header("Content-Security-Policy"))
        for part in [
            "default-src 'none'", "script-src 'self'", "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'", "require-trusted-types-for 'script'",
        ] {
            #expect(policy.contains(part))
        }
        #expect(answer.header("Cache-Control") == "no-store")
        #expect(answer.header("X-Frame-Options") == "DENY")
        #expect(answer.header("X-Content-Type-Options") == "nosniff")
        #expect(answer.header("Referrer-Policy") == "same-origin")
        #expect(answer.header("Cross-Origin-Opener-Policy") == "same-origin")
        #expect(answer.header("Set-Cookie") == nil)
        #expect(answer.header("Access-Control-Allow-Origin") == nil)
    }

    @Test func `a frame is allowed only where it is configured`() throws {
        let console = try console("latchkey_console_frame_ancestors https://app.example.com;")
        let answer = console.answer("GET", "/console/acme")
        #expect(answer.header("X-Frame-Options") == nil)
        let policy = try #require(answer.header("Content-Security-Policy"))
        #expect(policy.contains("frame-ancestors https://app.example.com;"))
    }

    @Test(arguments: [
        ("application/json", true), ("application/problem+json", true), ("text/html", false),
        ("*/*", false),
        ("text/html, application/json;q=0.9", false), ("application/json, text/html;q=0.5", true),
        ("", false),
    ])
    func `problems of pages are JSON for those who prefer it`(accept: String, isJSON: Bool) throws {
        let answer = try console().answer("GET", "/console/nothing/here", [("Accept", accept)])
        #expect(answer.status == 404)
        #expect((answer.problem == "not-found") == isJSON)
    }

    @Test func `the language is negotiated, and named`() throws {
        let german = try console().answer(
            "GET",
            "/console/acme",
            signedIn + [("Accept-Language", "de")]
        )
        #expect(german.header("Content-Language") == "de")
        #expect(german.body.contains("<html lang=\"de\">"))
        #expect(german.header("Vary") == "Accept, Accept-Language")
        let json = try console().answer("GET", "/console/api/v1/x", [("Accept-Language", "de")])
        #expect(json.body.contains("Seite nicht gefunden"))
    }
}

/// What is answered with the store.
@Suite struct `Jobs` {
    @Test func `a page asks all gateways for the last use, and HEAD does not`() throws {
        let administration = StandIn()
        let page = try console().answer("GET", "/console/acme", from: administration)
        #expect(page.status == 200)
        let head = try console().answer("HEAD", "/console/acme", from: administration)
        #expect(head.status == 200 && head.body == "")
        #expect(administration.calls == ["status acme status asking", "status acme status"])
    }

    @Test func `gateways are not asked where somebody asks too often`() throws {
        let administration = StandIn()
        _ = try console().answer(
            "GET",
            "/console/acme",
            from: administration,
            mayAskGateways: false
        )
        #expect(administration.calls == ["status acme status"])
    }

    @Test(arguments: [
        ("GET", "/console/acme"), ("GET", "/console/acme/generate"),
        ("GET", "/console/acme/revoke"),
        ("GET", "/console/a%20b"), ("GET", "/console/" + String(repeating: "a", count: 65)),
    ])
    func `whoever is not the owner gets the answer of a path that names nothing`(
        method: String,
        target: String
    )
        throws
    {
        let administration = StandIn()
        administration.failure = .notFound
        let answer = try console().answer(method, target, from: administration)
        let nothing = try console().answer("GET", "/console/no/thing")
        #expect(answer.status == 404)
        #expect(answer.body == nothing.body)
        #expect(answer.headers.map(\.value) == nothing.headers.map(\.value))
    }

    @Test func `to the API it is the same`() throws {
        let administration = StandIn()
        administration.failure = .notFound
        for (method, header) in [("GET", nil), ("POST", "*"), ("DELETE", "\"v1.x\"")] {
            let answer = try console().json(method, header, administration)
            #expect(answer.status == 404 && answer.problem == "not-found")
            #expect(!answer.body.contains("acme"))
        }
        let audit = try console().answer(
            "GET",
            "/console/api/v1/organizations/acme/audit",
            from: administration
        )
        #expect(audit.status == 404)
    }

    @Test func `what the store says goes to the log alone`() throws {
        let administration = StandIn()
        administration.failure = .unavailable("redis at 10.0.0.1 said NOAUTH")
        let page = try console().answer("GET", "/console/acme", from: administration)
        #expect(page.status == 503)
        #expect(page.header("Retry-After") == "1")
        #expect(!page.body.contains("NOAUTH") && page.body.contains("7f3c91aa"))
        #expect(page.body.contains("href=\"/console/acme\""))
        #expect(page.note == "redis at 10.0.0.1 said NOAUTH")
        let json = try console().json("GET", nil, administration)
        #expect(json.problem == "store-unavailable")
        #expect(json.body.contains("urn:latchkey:request:7f3c91aa"))
        #expect(json.outcome == nil)
        #expect(try console().json("DELETE", "*", administration).outcome == "failed")
    }

    @Test func `the status has a tag, and the members of the executable's`() throws {
        let administration = StandIn()
        let answer = try console().json("GET", nil, administration)
        #expect(answer.status == 200)
        #expect(answer.header("ETag") == EntityTag(administration.current).field)
        #expect(answer.header("Content-Type") == "application/json")
        #expect(answer.body.hasPrefix("{\"organization\":\"acme\",\"status\":\"active\""))
        #expect(answer.body.contains("\"last_use\":\"never\""))
        administration.current = status(record(age: day), usedAt: earlier(minute))
        #expect(
            try console().json("GET", nil, administration).body.contains("\"last_use\":\"known\"")
        )
        administration.current = status(record(age: day), use: .error(noPermission))
        #expect(
            try console().json("GET", nil, administration).body.contains("\"last_use\":\"unknown\"")
        )
    }

    @Test func `the audit begins where it is asked to`() throws {
        let administration = StandIn()
        let target = "/console/api/v1/organizations/acme/audit"
        #expect(try console().answer("GET", target, from: administration).body == "[]\n")
        _ = try console().answer("GET", target + "?since=1d", from: administration)
        _ = try console().answer("GET", target + "?since=900y", from: administration)
        #expect(
            administration.calls
                == ["audit acme 0", "audit acme \(now.milliseconds - day)", "audit acme 0"]
        )
    }

    @Test func `readiness is whether the store answers`() throws {
        let administration = StandIn()
        #expect(try console().answer("GET", "/readyz", [], from: administration).status == 204)
        administration.ready = false
        #expect(try console().answer("GET", "/readyz", [], from: administration).status == 503)
    }

    @Test func `only changes are limited, for each owner of an organization`() throws {
        let console = try console()
        let headers = signedIn + sameOrigin + formType
        let change = try #require(
            console.job("POST", "/console/acme/revoke", headers, body: "version=a")
        )
        #expect(change.changeLimitName == "acme alice@example.com")
        #expect(change.inquiryLimitName == nil && change.change == .revoke)
        let page = try #require(console.job("GET", "/console/acme", headers))
        #expect(page.changeLimitName == nil && page.change == nil)
        #expect(page.inquiryLimitName == "alice@example.com")
        #expect(console.job("HEAD", "/console/acme", headers)?.inquiryLimitName == nil)
        let malformed = console.job("POST", "/console/a%20b/revoke", headers, body: "version=a")
        #expect(malformed?.changeLimitName == nil)
        #expect(console.tooManyAnswer(change).header("Retry-After") == "77")
        #expect(console.busyAnswer(change).status == 503)
        #expect(console.busyAnswer(change).header("Retry-After") == "1")
    }
}

extension Console {
    fileprivate func tooManyAnswer(_ job: Job) -> Answer { Answer(tooMany(job, retryAfter: 77)) }
    fileprivate func busyAnswer(_ job: Job) -> Answer { Answer(busy(job)) }
}
