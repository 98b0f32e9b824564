import KeyFormat
import Keyring
import RedisClient

@testable import Administration
@testable import ConsoleCore

/// 28 November 2026, 14:02:11.205 UTC
let now = UnixTime(milliseconds: 1_795_874_531_205)

let acme = Organization("acme")!
let alice = Principal("alice@example.com")!

func earlier(_ milliseconds: Int64) -> UnixTime {
    UnixTime(milliseconds: now.milliseconds - milliseconds)
}

func later(_ milliseconds: Int64) -> UnixTime { earlier(-milliseconds) }

let minute: Int64 = 60_000
let day: Int64 = 86_400_000

/// The configuration that most tests use, with more directives.
func settings(_ more: String = "") throws -> ConsoleSettings {
    try ConsoleSettings(
        ConfigurationFile.directives(
            in: Array(
                """
                latchkey_console_origin https://app.example.com;
                latchkey_console_identity header X-Latchkey-User;
                \(more)
                """.utf8
            )
        )
    )
}

func console(_ more: String = "") throws -> Console {
    Console(try settings(more), keyPrefix: .standard)
}

func verifier(_ digit: String) -> Verifier {
    Verifier(hexadecimal: Array(String(repeating: digit, count: 48).utf8).span)!
}

/// A record of alice's organization.
///
/// - Parameter age: For how many milliseconds it has had a key; `nil` if it has none.
func record(
    age: Int64?,
    digit: String = "a",
    expiresAt: UnixTime? = nil,
    replacing grace: UInt64? = nil
) -> KeyRecord {
    var record = KeyRecord(organization: acme, owner: alice)
    func key(_ digit: String, _ age: Int64) -> KeyRecord.Key {
        KeyRecord.Key(
            verifier: verifier(digit),
            createdAt: earlier(age),
            createdBy: alice,
            expiresAt: expiresAt
        )
    }
    guard let age else { return record }
    if let grace {
        record = record.replacingKey(with: key("b", age + day), graceMilliseconds: 0)
        return record.replacingKey(with: key(digit, age), graceMilliseconds: grace)
    }
    return record.replacingKey(with: key(digit, age), graceMilliseconds: 0)
}

func status(
    _ record: KeyRecord,
    usedAt time: UnixTime? = nil,
    use: RedisReply? = nil,
    refused: RefusedUses? = nil,
    delay: KeyStatus.LastUseDelay = .none,
    rotateAfter: UInt64? = nil
) -> KeyStatus {
    KeyStatus(
        record,
        use: use ?? time.map { .bulk(ArraySlice($0.decimal)) } ?? .null,
        refusedUses: refused,
        lastUseDelay: delay,
        rotateAfterMilliseconds: rotateAfter,
        now: now
    )
}

func member(_ number: UInt64, host: String) -> Member {
    var generator = SystemRandomNumberGenerator()
    return Member(
        id: .init(number),
        host: host,
        processID: 4710 + number,
        version: "0.2.0",
        leaseMilliseconds: 1000,
        graceMilliseconds: 0,
        token: .init(using: &generator)
    )
}

func confirmed(_ outcome: BarrierOutcome = BarrierOutcome()) -> ConfirmationResult {
    .confirmed(since: later(10), outcome)
}

/// A stand-in for Administration. It answers what it was given, and notes what it was asked.
final class StandIn: KeyAdministration {
    var current: KeyStatus
    var failure: KeyFailure?
    /// The failure of a change alone.
    var changeFailure: KeyFailure?
    var confirmation: ConfirmationResult?
    var lines: [AuditLine] = []
    var gatewayCount: Int? = 4
    var ready = true
    private(set) var calls: [String] = []

    init(_ record: KeyRecord = record(age: day), confirmation: ConfirmationResult? = confirmed()) {
        current = ConsoleCoreTests.status(record)
        self.confirmation = confirmation
    }

    func status(
        of organization: Organization,
        for action: OwnerRule.Action,
        asksGateways: Bool
    ) throws(KeyFailure) -> KeyStatus {
        calls.append("status \(organization) \(action)\(asksGateways ? " asking" : "")")
        if let failure { throw failure }
        return current
    }

    func generate(
        for organization: Organization,
        replacing seen: KeyStatus?,
        lifetime: KeyLifetime
    ) throws(KeyFailure) -> GeneratedKey {
        let (span, grace) = (lifetime.expiresInMilliseconds, lifetime.graceMilliseconds)
        calls.append(
            "generate \(organization) \(seen == nil ? "any" : "seen") \(span ?? 0) \(grace)"
        )
        if let failure = changeFailure ?? failure { throw failure }
        let key = KeyRecord.Key(
            verifier: verifier("c"),
            createdAt: now,
            createdBy: alice,
            expiresAt: span.map { now.advanced(byMilliseconds: $0) }
        )
        let record = current.record.replacingKey(with: key, graceMilliseconds: grace)
        return GeneratedKey(
            text: SecretBytes(copying: Array("lk_secret".utf8).span),
            record: record,
            confirmation: confirmation ?? .notAwaited
        )
    }

    func revoke(_ organization: Organization, asIn seen: KeyStatus?) throws(KeyFailure)
        -> ConfirmationResult?
    {
        calls.append("revoke \(organization) \(seen == nil ? "any" : "seen")")
        if let failure = changeFailure ?? failure { throw failure }
        current = ConsoleCoreTests.status(current.record.revokingKey(at: now))
        return confirmation
    }

    func audit(of organization: Organization, since: UnixTime) throws(KeyFailure) -> [AuditLine] {
        calls.append("audit \(organization) \(since.milliseconds)")
        if let failure { throw failure }
        return lines
    }

    func gateways() -> Int? { gatewayCount }

    func isReady() -> Bool { ready }
}

/// What a client receives.
struct Answer {
    let status: Int
    let headers: [(name: String, value: String)]
    let body: String
    var note: String?
    var outcome: String?

    init(_ response: borrowing ConsoleResponse, note: String? = nil, outcome: String? = nil) {
        status = response.status
        headers = response.headers
        var bytes: [UInt8] = []
        response.writeBody { part in for index in part.indices { bytes.append(part[index]) } }
        body = response.isHeadOnly ? "" : String(decoding: bytes, as: UTF8.self)
        self.note = note
        self.outcome = outcome
    }

    func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// The problem's name; `nil` if it is none.
    var problem: String? {
        guard let start = body.end(of: "urn:latchkey:problem:") else { return nil }
        return String(body[start...].prefix { $0 != "\"" })
    }
}

extension String {
    /// What follows a text; `nil` if that does not occur.
    func end(of text: String) -> String.Index? {
        var rest = self[...]
        while !rest.isEmpty {
            if rest.hasPrefix(text) { return rest.index(rest.startIndex, offsetBy: text.count) }
            rest = rest.dropFirst()
        }
        return nil
    }
}

/// The header fields that a signed-in owner's browser sends.
let signedIn: [(name: String, value: String)] = [("X-Latchkey-User", "alice@example.com")]
let sameOrigin: [(name: String, value: String)] = [("Sec-Fetch-Site", "same-origin")]
let formType: [(name: String, value: String)] = [
    ("Content-Type", "application/x-www-form-urlencoded")
]
let jsonType: [(name: String, value: String)] = [("Content-Type", "application/json")]

extension Console {
    func answer(
        _ method: String,
        _ target: String,
        _ headers: [(name: String, value: String)] = signedIn,
        body: String = "",
        from administration: StandIn = StandIn(),
        mayAskGateways: Bool = true
    ) -> Answer {
        let request = ConsoleRequest(
            method: method,
            target: target,
            headers: headers,
            body: body.utf8.count > ConsoleRequest.bodyLengthMax
                ? .failure(.tooLong) : .success(Array(body.utf8))
        )
        switch decide(request, id: "7f3c91aa", now: now) {
        case .respond(let response, let note): return Answer(response, note: note)
        case .perform(let job):
            let result = perform(job, administration, mayAskGateways: mayAskGateways, now: now)
            return Answer(result.response, note: result.note, outcome: result.outcome)
        }
    }

    /// The job that a request becomes; `nil` if it is answered at once.
    func job(
        _ method: String,
        _ target: String,
        _ headers: [(name: String, value: String)],
        body: String = ""
    )
        -> Job?
    {
        let request = ConsoleRequest(
            method: method,
            target: target,
            headers: headers,
            body: .success(Array(body.utf8))
        )
        switch decide(request, id: "7f3c91aa", now: now) {
        case .respond: return nil
        case .perform(let job): return job
        }
    }

    func form(
        _ change: String,
        _ body: String,
        _ administration: StandIn,
        _ more: [(name: String, value: String)] = []
    ) -> Answer {
        answer(
            "POST",
            "/console/acme/\(change)",
            signedIn + sameOrigin + formType + more,
            body: body,
            from: administration
        )
    }

    func json(_ method: String, _ ifMatch: String?, _ administration: StandIn) -> Answer {
        json(method, ifMatch, "{}", administration)
    }

    func json(
        _ method: String,
        _ ifMatch: String?,
        _ body: String,
        _ administration: StandIn
    ) -> Answer {
        answer(
            method,
            "/console/api/v1/organizations/acme/key",
            signedIn + sameOrigin + jsonType + (ifMatch.map { [("If-Match", $0)] } ?? []),
            body: body,
            from: administration
        )
    }
}

/// What a store says that refuses a command.
let noPermission = ArraySlice("NOPERM no".utf8)
