import Keyring
import Testing

@testable import ConsoleCore

private let seconds = now.milliseconds / 1000

/// The claims of a good token, with changes: `nil` leaves a claim out.
private func claims(_ changes: [String: String?] = [:]) -> String {
    let good: [String: String?] = [
        "sub": "\"alice@example.com\"", "org": "\"acme\"", "aud": "\"https://app.example.com\"",
        "exp": "\(seconds + 60)",
    ]
    let members = good.merging(changes) { $1 }
    return "{"
        + members.compactMap { name, value in value.map { "\"\(name)\":\($0)" } }
        .joined(separator: ",") + "}"
}

private let good = TokenIdentity.Claims(
    principal: alice,
    organization: "acme",
    authenticatedAt: nil
)

@Suite struct `Signed tokens` {
    private func fault(
        _ token: String,
        issuer: String? = nil,
        signers: [TokenSigner] = TokenSigner.all
    ) throws -> TokenFault? {
        let identity = TokenIdentity(
            keys: try keySet(signers.map(\.key)),
            verifier: StandInVerifier(),
            audiences: ["https://app.example.com", "https://other.example.com"],
            issuer: issuer
        )
        do throws(TokenFault) {
            #expect(try identity.claims(token[...], now: now).principal == alice)
            return nil
        } catch {
            return error
        }
    }

    @Test(arguments: TokenSigner.all)
    func `a token of each algorithm says who asks`(signer: TokenSigner) throws {
        #expect(try fault(signer.token(claims())) == nil)
        #expect(try fault(signer.token(claims(["nbf": "\(seconds)", "iat": "\(seconds)"]))) == nil)
    }

    @Test func `EdDSA has two names`() throws {
        let token = TokenSigner.ed25519.token(claims(), header: #"{"alg":"Ed25519","kid":"ed"}"#)
        #expect(try fault(token) == nil)
    }

    @Test func `the key without an ID is for tokens that name none`() throws {
        let signer = TokenSigner.ed25519.named(nil)
        #expect(try fault(signer.token(claims()), signers: [signer]) == nil)
        #expect(try fault(signer.token(claims())) == .unknownKey)
        let named = signer.token(claims(), header: #"{"alg":"EdDSA","kid":"ed"}"#)
        #expect(try fault(named, signers: [signer]) == .unknownKey)
    }

    @Test(arguments: TokenSigner.all)
    func `a token of another key is refused`(signer: TokenSigner) throws {
        let honest = #"{"alg":"\#(signer.algorithm.rawValue)","kid":"\#(signer.id!)"}"#
        let stranger = signer.named("stranger").token(claims(), header: honest)
        #expect(try fault(stranger) == .signature)
        let unknown = signer.token(
            claims(),
            header: #"{"alg":"\#(signer.algorithm.rawValue)","kid":"x"}"#
        )
        #expect(try fault(unknown) == .unknownKey)
        #expect(try fault(signer.named(nil).token(claims())) == .unknownKey)
    }

    @Test(arguments: TokenSigner.all)
    func `a token that was changed is refused`(signer: TokenSigner) throws {
        let parts = signer.token(claims()).split(separator: ".").map(String.init)
        let other = encoded(Array(claims(["org": "\"globex\""]).utf8))
        #expect(try fault("\(parts[0]).\(other).\(parts[2])") == .signature)
        var bytes = try #require(Base64URL.decode(parts[2].utf8))
        bytes[bytes.count / 2] ^= 1
        #expect(try fault("\(parts[0]).\(parts[1]).\(encoded(bytes))") == .signature)
        for changed in [bytes.dropLast(), bytes + [0], []] {
            #expect(try fault("\(parts[0]).\(parts[1]).\(encoded(changed))") == .signature)
        }
    }

    @Test(arguments: [
        "none", "None", "NONE", "", "HS256", "HS512", "RS512", "PS256", "ES384", "RS256 ",
    ])
    func `a token cannot choose its algorithm`(name: String) throws {
        for signer in [TokenSigner.ed25519, .p256, .rsa] {
            let header = #"{"alg":"\#(name)","kid":"\#(signer.id!)"}"#
            #expect(try fault(signer.token(claims(), header: header)) == .algorithm)
            let bare = encoded(Array(header.utf8)) + "." + encoded(Array(claims().utf8)) + "."
            #expect(try fault(bare) == .algorithm)
        }
    }

    @Test(arguments: [
        "", ".", "..", "...", "a.b.c", "e30.e30.", "e30.e30", "e30.e30.e30.e30", "e30=.e30.e30",
        "bnVsbA.e30.AA", "e30.bnVsbA.AA",
    ])
    func `what is no token is refused`(text: String) throws {
        #expect(try fault(text) == .malformed)
    }

    @Test func `an ID that is no text, and demands, are refused`() throws {
        let header = { (more: String) in #"{"alg":"EdDSA",\#(more)}"# }
        for (more, expected) in [
            (#""kid":1"#, TokenFault.malformed), (#""kid":null"#, .malformed),
            (#""kid":"ed","kid":"ed""#, .malformed),
            (#""kid":"ed","crit":["b64"],"b64":false"#, .critical),
            (#""kid":"ed","crit":[]"#, .critical),
        ] {
            #expect(
                try fault(TokenSigner.ed25519.token(claims(), header: header(more))) == expected
            )
        }
    }

    @Test func `keys in the token itself are not looked at`() throws {
        let stranger = TokenSigner.ed25519.named("stranger")
        let header =
            #"{"alg":"EdDSA","kid":"ed","jwk":\#(stranger.key),"jku":"https://evil.test/keys"}"#
        #expect(try fault(stranger.token(claims(), header: header)) == .signature)
    }

    @Test(
        arguments: [
            (["exp": nil], TokenFault.expiry), (["exp": "\"\(seconds + 60)\""], .expiry),
            (["exp": "null"], .expiry), (["exp": "\(seconds + 301)"], .expiry),
            (["exp": "1e300"], .expiry), (["exp": "\(seconds)"], .expired),
            (["exp": "0"], .expired),
            (["exp": "-1e300"], .expired), (["exp": "\(seconds - 1)"], .expired),
            (["nbf": "\(seconds + 62)"], .notYetValid), (["nbf": "\"0\""], .notYetValid),
            (["iat": "\(seconds + 62)"], .notYetValid), (["iat": "null"], .notYetValid),
            (["iat": "1e300"], .notYetValid),
            (["aud": nil], .audience), (["aud": "\"https://evil.test\""], .audience),
            (["aud": "\"https://app.example.com/\""], .audience), (["aud": "[]"], .audience),
            (["aud": "{\"https://app.example.com\":1}"], .audience), (["aud": "true"], .audience),
            (["sub": nil], .subject), (["sub": "\"\""], .subject), (["sub": "\"a b\""], .subject),
            (["sub": "1"], .subject), (["sub": "[\"alice@example.com\"]"], .subject),
            (["org": nil], .organization), (["org": "[\"acme\"]"], .organization),
            (["auth_time": "\(seconds + 62)"], .notYetValid), (["auth_time": "-1"], .notYetValid),
            (["auth_time": "1e300"], .notYetValid),
        ] as [([String: String?], TokenFault)]
    )
    func `a claim that is missing or wrong is refused`(
        changes: [String: String?],
        expected: TokenFault
    ) throws {
        #expect(try fault(TokenSigner.ed25519.token(claims(changes))) == expected)
    }

    @Test(arguments: [
        ["exp": "\(seconds + 300)"], ["exp": "\(seconds).5"], ["nbf": "\(seconds + 60)"],
        ["iat": "0"],
        ["aud": "[\"x\",\"https://other.example.com\"]"], ["aud": "\"https://other.example.com\""],
        ["iss": "\"anyone\""], ["jti": "\"1\""], ["auth_time": "\"never\""],
    ])
    func `claims have room for clocks, several audiences and more`(changes: [String: String]) throws
    {
        #expect(try fault(TokenSigner.ed25519.token(claims(changes.mapValues { $0 }))) == nil)
    }

    @Test func `one issuer alone is believed, if one is named`() throws {
        let fault = { (issuer: String?) in
            try self.fault(
                TokenSigner.ed25519.token(claims(["iss": issuer])),
                issuer: "https://id.example.com"
            )
        }
        #expect(try fault("\"https://id.example.com\"") == nil)
        for wrong in [
            nil, "\"https://id.example.com/\"", "\"\"", "[\"https://id.example.com\"]", "null",
        ] {
            #expect(try fault(wrong) == .issuer)
        }
    }
}

@Suite struct `A set of keys` {
    private func fault(_ text: String) -> String? {
        do throws(WebKeySet.Fault) {
            _ = try WebKeySet(Array(text.utf8))
            return nil
        } catch {
            return error.message
        }
    }

    private func fault(keys: String...) -> String? {
        fault("{\"keys\":[\(keys.joined(separator: ","))]}")
    }

    @Test func `keys of other kinds are skipped`() {
        let others = [
            #"{"kty":"OKP","crv":"X25519","x":"AA"}"#, #"{"kty":"EC","crv":"P-384"}"#,
            #"{"kty":"new"}"#, "{}",
            #"{"kty":"RSA","use":"enc"}"#, #"{"kty":"RSA","alg":"PS256"}"#,
            #"{"kty":"RSA","alg":1}"#,
            #"{"kty":"oct","key_ops":["sign"]}"#,
        ]
        let all = others + [TokenSigner.ed25519.key]
        #expect(fault("{\"keys\":[\(all.joined(separator: ","))]}") == nil)
        #expect(
            fault("{\"keys\":[\(others.joined(separator: ","))]}")?.contains("has no key for")
                == true
        )
    }

    @Test func `what a key is for may be said`() {
        let more =
            #","use":"sig","key_ops":["verify"],"alg":"\#(TokenSigner.p256.algorithm.rawValue)"}"#
        #expect(fault(keys: TokenSigner.p256.key.dropLast() + more) == nil)
        #expect(fault(keys: TokenSigner.ed25519.key.dropLast() + #","alg":"Ed25519"}"#) == nil)
    }

    @Test(arguments: [
        "", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[]", "null", "{\"keys\":[1]}", "{\"keys\":[]}",
    ])
    func `what is no set is refused`(text: String) {
        #expect(fault(text) != nil)
    }

    @Test(arguments: [
        #"{"kty":"OKP","crv":"Ed25519"}"#, #"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#,
        #"{"kty":"OKP","crv":"Ed25519","x":1}"#,
        #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}"#,
        #"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"AA"}"#,
        #"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, #"{"kty":"oct","k":"c2VjcmV0"}"#,
        #"{"kty":"oct"}"#,
    ])
    func `a key of a known kind must be whole and strong`(key: String) {
        #expect(fault(keys: key)?.contains("number 1") == true)
    }

    @Test func `a modulus has 2048 to 8192 bits`() {
        func isUsed(_ modulus: String) -> Bool {
            fault(keys: #"{"kty":"RSA","n":"\#(modulus)","e":"AQAB"}"#) == nil
        }
        #expect(isUsed(TokenSigner.modulus()) && isUsed(TokenSigner.modulus(length: 1024)))
        #expect(
            !isUsed(TokenSigner.modulus(length: 255)) && !isUsed(TokenSigner.modulus(length: 1025))
        )
        #expect(!isUsed(encoded([0x7F] + [UInt8](repeating: 1, count: 255))), "2047 bits")
        #expect(!isUsed(encoded([0] + [UInt8](repeating: 1, count: 256))), "a leading zero")
        #expect(!isUsed(encoded([0x80] + [UInt8](repeating: 2, count: 255))), "an even number")
    }

    @Test func `an exponent must be odd and large`() {
        let key = TokenSigner.rsa.key
        #expect(key.contains("\"e\":\"AQAB\""))
        for weak in ["", "AQ", "Aw", "AQAA", "AAEAAQ", "AQAAAAE"] {
            let parts = key.split(separator: "\"e\":\"AQAB\"", omittingEmptySubsequences: false)
            #expect(
                fault(keys: parts.joined(separator: "\"e\":\"\(weak)\""))?.contains("\"e\"") == true
            )
        }
    }

    @Test func `a private key does not belong there`() {
        #expect(
            fault(keys: TokenSigner.p256.key.dropLast() + #","d":"AA"}"#)?.contains("private")
                == true
        )
    }

    @Test func `no two keys have the same ID, or none`() {
        let nameless = TokenSigner.ed25519.named(nil).key
        #expect(fault(keys: nameless, TokenSigner.p256.key) == nil)
        #expect(fault(keys: nameless, nameless)?.contains("kid") == true)
        #expect(fault(keys: TokenSigner.p256.key, TokenSigner.p256.key)?.contains("kid") == true)
        #expect(
            fault(keys: TokenSigner.p256.key.dropLast() + #","kid":""}"#)?.contains("no JSON")
                == true
        )
        #expect(fault(keys: nameless.dropLast() + #","kid":""}"#)?.contains("kid") == true)
    }

    @Test func `no fault repeats a secret`() {
        let fault = fault(keys: #"{"kty":"oct","k":"c2VjcmV0"}"#)
        #expect(fault?.contains("c2VjcmV0") == false && fault?.contains("secret") == true)
    }
}

@Suite struct `base64url` {
    @Test(
        arguments: [
            ("", []), ("AA", [0]), ("AAA", [0, 0]), ("AAAA", [0, 0, 0]),
            ("-_-_", [0xFB, 0xFF, 0xBF]),
            ("_w", [0xFF]),
        ] as [(String, [UInt8])]
    )
    func `bytes are read`(text: String, bytes: [UInt8]) {
        #expect(Base64URL.decode(text.utf8) == bytes)
        #expect(encoded(bytes) == text)
    }

    @Test(arguments: ["A", "AAAAA", "AB", "AAB", "AA==", "+/+/", "A A", "AA\n", "Ä"])
    func `anything else is refused`(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }
}

@Suite struct `Who asks with a token` {
    private let key = "/console/api/v1/organizations/acme/key"

    private func console(_ more: String = "") throws -> Console {
        let text = """
            latchkey_console_origin https://app.example.com;
            latchkey_console_identity token /keys.json;
            \(more)
            """
        let settings = try ConsoleSettings(ConfigurationFile.directives(in: Array(text.utf8)))
        return Console(
            settings,
            keyPrefix: .standard,
            tokens: (try keySet([TokenSigner.ed25519.key]), StandInVerifier())
        )
    }

    private func bearer(_ changes: [String: String?] = [:]) -> [(name: String, value: String)] {
        [("Authorization", "Bearer \(TokenSigner.ed25519.token(claims(changes)))")]
    }

    @Test func `a token opens what its owner may see`() throws {
        let answer = try console().answer("GET", key, bearer())
        #expect(answer.status == 200 && answer.header("WWW-Authenticate") == nil)
        #expect(try console().answer("GET", "/console/acme", bearer()).status == 200)
        let lower = [("authorization", bearer()[0].value.replacingBearer("bearer  "))]
        #expect(try console().answer("GET", key, lower.map { (name: $0, value: $1) }).status == 200)
    }

    @Test func `a token is for its organization alone`() throws {
        let stranger = StandIn()
        let answer = try console().answer("GET", key, bearer(["org": "\"globex\""]), from: stranger)
        #expect(answer.status == 404 && answer.problem == "not-found" && stranger.calls.isEmpty)
        #expect(
            try console().answer("GET", "/console/globex", bearer(), from: stranger).status == 404
        )
    }

    @Test(arguments: [[], ["Basic YTpi"], ["Bearer"], ["Bearer "], [""], ["Token x"]])
    func `without a token nobody is signed in`(values: [String]) throws {
        let answer = try console().answer("GET", key, values.map { ("Authorization", $0) })
        #expect(answer.status == 401 && answer.problem == "not-signed-in" && answer.note == nil)
        #expect(answer.header("WWW-Authenticate") == "Bearer")
    }

    @Test func `two tokens are refused`() throws {
        let (one, other) = (bearer()[0], bearer(["sub": "\"bob\""])[0])
        for headers in [
            [one, one], [one, other], [one, (name: "Authorization", value: "Basic x")],
        ] {
            let answer = try console().answer("GET", key, headers)
            #expect(answer.status == 400 && answer.problem == "invalid")
        }
        for mark in [", ", ",", " "] {
            let folded = [(name: "Authorization", value: one.value + mark + other.value)]
            #expect(try console().answer("GET", key, folded).status == 400)
        }
    }

    @Test func `the header of a proxy says nothing then, nor does an address`() throws {
        #expect(try console().answer("GET", key, signedIn).status == 401)
        let token = TokenSigner.ed25519.token(claims())
        #expect(try console().answer("GET", key + "?access_token=\(token)", []).status == 401)
        #expect(
            try console().answer("GET", key, bearer() + [("X-Latchkey-User", "bob")]).status == 200
        )
    }

    @Test func `client and log learn what is wrong with a token, and not the token`() throws {
        let headers = bearer(["exp": "\(seconds - 1)"])
        let answer = try console().answer("GET", key, headers)
        #expect(answer.status == 401 && answer.note == "the token has expired")
        #expect(
            answer.header("WWW-Authenticate")
                == "Bearer error=\"invalid_token\", error_description=\"The token has expired\""
        )
        #expect(!answer.body.contains(headers[0].value.dropFirst("Bearer ".count)))
    }

    @Test(arguments: TokenFault.allCases)
    func `what is wrong fits into a header field`(fault: TokenFault) {
        #expect(
            fault.rawValue.utf8.allSatisfy {
                (0x20...0x7E).contains($0) && !"\"\\".utf8.contains($0)
            }
        )
    }

    @Test func `a program with a token need not say where it comes from`() throws {
        let change = bearer() + jsonType + [("If-Match", "*")]
        #expect(try console().answer("POST", key, change, body: "{}").status == 201)
        let crossSite = change + [("Sec-Fetch-Site", "cross-site")]
        #expect(try console().answer("POST", key, crossSite, body: "{}").problem == "cross-site")
    }

    @Test func `a change can require a recent sign-in`() throws {
        let console = try console("latchkey_console_fresh 15m;")
        let change = { (authentication: String?) in
            let headers = bearer(["auth_time": authentication]) + jsonType + [("If-Match", "*")]
            return console.answer("POST", key, headers, body: "{}")
        }
        #expect(change("\(seconds - 60)").status == 201)
        #expect(change("\(seconds - 899)").status == 201)
        for late in [nil, "\(seconds - 901)", "0", "\"\(seconds)\""] {
            let answer = change(late)
            #expect(answer.status == 401 && answer.problem == "reauthentication-needed")
            #expect(
                answer.header("WWW-Authenticate")
                    == "Bearer error=\"insufficient_user_authentication\", max_age=900"
            )
        }
        #expect(console.answer("GET", key, bearer()).status == 200)
        #expect(console.answer("DELETE", key, bearer() + [("If-Match", "*")]).status == 401)
    }
}

extension String {
    fileprivate func replacingBearer(_ scheme: String) -> String {
        scheme + dropFirst("Bearer ".count)
    }
}
