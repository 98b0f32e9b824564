import KeyFormat
import Keyring
import Testing

@testable import Administration
@testable import ConsoleCore

@Suite struct `Pages` {
    private func page(_ status: KeyStatus, _ more: String = "", language: String = "en") throws
        -> String
    {
        let administration = StandIn()
        administration.current = status
        return try ConsoleCoreTests.console(more).answer(
            "GET",
            "/console/acme",
            signedIn + [("Accept-Language", language)],
            from: administration
        ).body
    }

    private func question(_ change: ChangeKind, _ status: KeyStatus, _ more: String = "") throws
        -> String
    {
        let administration = StandIn()
        administration.current = status
        return try ConsoleCoreTests.console(more).answer(
            "GET",
            "/console/acme/\(change.rawValue)",
            from: administration
        ).body
    }

    @Test func `without a key the page offers one`() throws {
        let page = try page(status(record(age: nil)))
        #expect(page.contains("<title>API key — acme</title>"))
        #expect(page.contains("No API key generated"))
        #expect(page.contains("<button class=\"primary\">Generate API Key</button>"))
        #expect(page.contains("<details open>"))
        #expect(!page.contains("Revoke API Key"))
        #expect(page.contains("name=\"version\" value=\"v1."))
    }

    @Test func `an active key has its facts`() throws {
        let page = try page(status(record(age: 27 * day), usedAt: earlier(12 * minute)))
        #expect(page.contains("<span class=\"badge active\">Active</span>"))
        #expect(page.contains("title=\"28 November 2026, 13:50:11 UTC\">12 minutes ago</time>"))
        #expect(page.contains("every gateway was asked just now"))
        #expect(page.contains(">1 November 2026</time>, by alice@example.com"))
        #expect(page.contains("lk_\(acme.locator)_…"))
        #expect(page.contains("href=\"/console/acme/generate\" data-question"))
        #expect(page.contains("href=\"/console/acme/revoke\" data-question"))
        #expect(!page.contains("class=\"note"))
    }

    @Test(arguments: [
        (KeyStatus.LastUseDelay.none, "every gateway was asked"),
        (.milliseconds(2000), "Uses of the last 2 seconds may be missing."),
        (.unknown, "Not every gateway"),
    ])
    func `how far the last use may be behind is said`(delay: KeyStatus.LastUseDelay, words: String)
        throws
    {
        #expect(try page(status(record(age: day), delay: delay)).contains(words))
    }

    @Test func `a key that was never used, or of whose use nothing is known, says so`() throws {
        #expect(try page(status(record(age: day))).contains("<dd>Never<small>"))
        let unknown = status(record(age: day), use: .error(noPermission))
        #expect(try page(unknown).contains("<dd>Currently unknown<small>"))
    }

    @Test func `everything that needs attention is a note`() throws {
        let status = status(
            record(age: 104 * day),
            refused: RefusedUses(count: 3, lastAt: earlier(6 * 60 * minute)),
            rotateAfter: UInt64(90 * day)
        )
        let page = try page(status)
        #expect(page.contains("This key is 104 days old. Consider rotating it."))
        #expect(page.contains("were refused 3 times, most recently 6 hours ago."))
        let once = ConsoleCoreTests.status(
            record(age: day),
            refused: RefusedUses(count: 1, lastAt: now)
        )
        #expect(try self.page(once).contains("were refused once, just now."))
    }

    @Test func `a previous key that stays valid is named`() throws {
        let status = status(record(age: minute, replacing: 600_000), usedAt: earlier(1000))
        let page = try page(status)
        #expect(page.contains("The previous key stays valid until"))
        #expect(page.contains("With this key or the previous one."))
    }

    @Test func `an expiry is near, far or over`() throws {
        let soon = status(record(age: day, expiresAt: later(3 * day)))
        #expect(try page(soon).contains("</time> <small>in 3 days</small>"))
        let over = status(record(age: day, expiresAt: earlier(minute)))
        let page = try page(over)
        #expect(page.contains("<span class=\"badge expired\">Expired</span>"))
        #expect(page.contains("<small>1 minute ago</small>"))
        let present = status(record(age: day, expiresAt: later(1)))
        #expect(try self.page(present).contains("<small>now</small>"))
    }

    @Test func `what an owner cannot choose is not offered`() throws {
        let status = status(record(age: nil))
        #expect(try !page(status).contains("<select"))
        let offered = try page(status, "latchkey_console_expiry none 90d;")
        #expect(
            offered.contains(
                "<option value=\"none\">Never</option><option value=\"90d\">90 days</option>"
            )
        )
        let question = try question(
            .generate,
            ConsoleCoreTests.status(record(age: day)),
            "latchkey_console_grace none 10m; latchkey_console_expiry 1d;"
        )
        #expect(question.contains("<option value=\"10m\">10 minutes</option>"))
        #expect(question.contains("<option value=\"1d\">1 day</option>"))
        #expect(question.contains("This invalidates the previous key. It"))
    }

    @Test func `a question says what ends, and when it was last used`() throws {
        let used = status(record(age: day), usedAt: earlier(12 * minute))
        let generate = try question(.generate, used)
        #expect(generate.contains("<h2 id=\"question\">Generate a new API key?</h2>"))
        #expect(
            generate.contains(
                "This immediately invalidates the previous key. It was last used <strong>"
            )
        )
        #expect(generate.contains("method=\"post\" action=\"/console/acme/generate\""))
        #expect(generate.contains("name=\"version\" value=\"\(EntityTag(used).text)\""))
        let revoke = try question(.revoke, used)
        #expect(revoke.contains("<button class=\"danger\">Revoke</button>"))
        #expect(revoke.contains("There is no undo."))
        #expect(
            revoke.contains("<a class=\"button\" href=\"/console/acme\" data-cancel>Cancel</a>")
        )
        #expect(try question(.revoke, status(record(age: day))).contains("It was never used."))
        let unknown = status(record(age: day), use: .error(noPermission))
        #expect(try question(.revoke, unknown).contains("Last use is currently unknown."))
    }

    @Test func `without a key there is no question`() throws {
        let page = try question(.revoke, status(record(age: nil)))
        #expect(!page.contains("data-question-card"))
        #expect(page.contains("No API key generated"))
    }

    @Test func `the product has its name, its links and its style`() throws {
        let page = try page(
            status(record(age: nil)),
            """
            latchkey_console_product "A & B" https://example.com/?a=1&b=2;
            latchkey_console_documentation /docs; latchkey_console_stylesheet /theme.css;
            """
        )
        #expect(page.contains("href=\"https://example.com/?a=1&amp;b=2\""))
        #expect(page.contains("Back to A &amp; B</a>"))
        #expect(page.contains("the A &amp; B API"))
        #expect(page.contains("<a href=\"/docs\">API reference</a>"))
        #expect(page.contains("<link rel=\"stylesheet\" href=\"/theme.css\">"))
    }

    @Test func `a new key has an example, where the API is known`() throws {
        let administration = StandIn()
        let form = "version=\(EntityTag(administration.current).text)"
        let console = try console("latchkey_console_api https://api.example.com/graphql;")
        let page = console.form("generate", form, administration).body
        #expect(
            page.contains(
                "curl -H \"Authorization: Bearer $API_KEY\" https://api.example.com/graphql"
            )
        )
        #expect(
            try !ConsoleCoreTests.console().form("generate", form, administration).body.contains(
                "curl"
            )
        )
    }

    @Test func `the first key ends nothing`() throws {
        let administration = StandIn(record(age: nil))
        let form = "version=\(EntityTag(administration.current).text)"
        let page = try console().form("generate", form, administration).body
        #expect(!page.contains("class=\"note"))
        let outcome = BarrierOutcome(
            unacknowledged: [.init(member: member(1, host: "edge-3"), until: later(30_000))]
        )
        administration.confirmation = .unconfirmed(.unacknowledged(outcome))
        #expect(
            try !ConsoleCoreTests.console().form("generate", form, administration).body.contains(
                "edge-3"
            )
        )
        administration.confirmation = .unconfirmed(.notAudited("full"))
        let unaudited = try console().form("generate", form, administration).body
        #expect(unaudited.contains("the change is missing in the audit."))
    }

    @Test(arguments: [
        (Int?.some(1), "on the gateway at"), (2, "on all 2 gateways at"),
        (nil, "on every gateway at"),
    ])
    func `the number of gateways is said as a person would`(count: Int?, words: String) throws {
        let administration = StandIn()
        administration.gatewayCount = count
        let form = "version=\(EntityTag(administration.current).text)"
        #expect(try console().form("generate", form, administration).body.contains(words))
    }

    private func doubt(
        _ uncertainty: ConfirmationResult.Uncertainty,
        _ language: Language = .english
    ) throws
        -> String
    {
        let context = PageContext(
            settings: try settings(),
            texts: language.texts,
            organization: acme,
            keyPrefix: "lk",
            now: now
        )
        return DoubtText(context: context).text("It is done, but", uncertainty)
    }

    @Test func `every doubt has its words, and none of the store's`() throws {
        let time = later(30_000)
        let hosts = ["d", "b", "a", "c", "b"].enumerated().map { index, host in
            BarrierOutcome.Unacknowledged(
                member: member(UInt64(index + 1), host: host),
                until: time
            )
        }
        #expect(
            try doubt(.unacknowledged(BarrierOutcome(unacknowledged: hosts)))
                == "It is done, but the gateway on a, b, c and 1 more has not confirmed it: it may accept the "
                + "old key until 14:02:41 UTC."
        )
        let tomorrow = BarrierOutcome(unlistedUntil: later(day))
        #expect(
            try doubt(.unacknowledged(tomorrow)).hasSuffix("until 29 November 2026, 14:02:11 UTC.")
        )
        #expect(
            try doubt(.unacknowledged(BarrierOutcome(fault: "NOAUTH"))).contains("it is not known")
        )
        let reasons: [ConfirmationResult.Uncertainty] = [
            .membershipUnknown("NOAUTH"), .primaryUnknown("NOAUTH"), .copiesUnknown("NOAUTH"),
            .tooFewCopies(1, needed: 2), .notReadBack("NOAUTH"), .undone, .notAudited("NOAUTH"),
            .incomplete("NOAUTH"),
        ]
        for language in Language.allCases {
            for reason in reasons {
                let text = try doubt(reason, language)
                #expect(text.count > 30 && !text.contains("NOAUTH"))
            }
        }
    }
}

@Suite struct `Texts in each language` {
    /// One of each.
    private static let problems: [Problem] = [
        .notSignedIn(nil), .reauthenticationNeeded, .notFound, .methodNotAllowed, .crossSite,
        .invalid("body"), .unsupportedType, .tooLarge, .requestTimeout, .keyChanged,
        .preconditionNeeded, .tooMany, .busy, .storeUnavailable, .outcomeUnknown,
    ]

    @Test(arguments: Language.allCases)
    func `every problem has a title and a detail of its own`(language: Language) {
        let texts = Self.problems.map { language.texts.problem($0) }
        #expect(Set(texts.map(\.title)).count == Self.problems.count)
        #expect(texts.allSatisfy { !$0.detail.isEmpty && !$0.title.hasSuffix(".") })
    }

    @Test func `no problem has another's name`() {
        #expect(Set(Self.problems.map(\.name)).count == Self.problems.count)
    }

    @Test(arguments: [
        (500, "just now", "gerade eben", "now", "jetzt"),
        (1000, "1 second ago", "vor 1 Sekunde", "in 1 second", "in 1 Sekunde"),
        (2 * minute, "2 minutes ago", "vor 2 Minuten", "in 2 minutes", "in 2 Minuten"),
        (60 * minute, "1 hour ago", "vor 1 Stunde", "in 1 hour", "in 1 Stunde"),
        (day, "1 day ago", "vor 1 Tag", "in 1 day", "in 1 Tag"),
        (400 * day, "400 days ago", "vor 400 Tagen", "in 400 days", "in 400 Tagen"),
        (-5000, "just now", "gerade eben", "now", "jetzt"),
    ])
    func `spans are in the largest unit that fits`(
        milliseconds: Int64,
        ago: String,
        vor: String,
        ahead: String,
        voraus: String
    ) {
        let parts = TimeParts(milliseconds: milliseconds)
        #expect(Texts.english.ago(parts) == ago && Texts.german.ago(parts) == vor)
        #expect(Texts.english.ahead(parts) == ahead && Texts.german.ahead(parts) == voraus)
    }

    @Test func `dates are written out`() {
        let time = CalendarTime(now)
        #expect(Texts.english.date(time) == "28 November 2026")
        #expect(Texts.german.date(time) == "28. November 2026")
        #expect(Texts.german.span(TimeParts(milliseconds: 30 * day)) == "30 Tage")
    }

    @Test func `a whole life of a key is in German, too`() throws {
        let headers = [(name: "Accept-Language", value: "de")]
        let console = try console(
            "latchkey_console_product Kasse /; latchkey_console_grace none 1h;"
        )
        let administration = StandIn(record(age: nil))
        func version() -> String { "version=\(EntityTag(administration.current).text)" }
        func page(_ path: String) -> String {
            console.answer("GET", "/console/acme\(path)", signedIn + headers, from: administration)
                .body
        }
        #expect(page("").contains("Kein API-Schlüssel erzeugt"))
        let first = console.form("generate", version(), administration, headers).body
        #expect(first.contains("Ihr neuer API-Schlüssel"))
        administration.current = status(
            record(age: 100 * day, expiresAt: later(day), replacing: UInt64(101 * day)),
            usedAt: earlier(minute),
            refused: RefusedUses(count: 2, lastAt: earlier(day)),
            delay: .milliseconds(2000),
            rotateAfter: 1
        )
        let active = page("")
        for words in [
            "Dieser Schlüssel ist 100 Tage alt", "wurden 2-mal abgewiesen, zuletzt vor 1 Tag",
            "Zurück zu Kasse",
            "Der vorherige Schlüssel bleibt gültig bis", ", von alice@example.com",
            "letzten 2 Sekunden",
            "das API von Kasse",
        ] {
            #expect(active.contains(words), "\(words)")
        }
        #expect(page("/revoke").contains("Zuletzt verwendet wurde er <strong>"))
        #expect(page("/generate").contains("Neuen API-Schlüssel erzeugen?"))
        for count in [1, 3, nil] {
            administration.gatewayCount = count
            let page = console.form("generate", version(), administration, headers).body
            #expect(page.contains("Der vorherige Schlüssel gilt an"))
        }
        let previous = console.form("generate", version() + "&grace=1h", administration, headers)
            .body
        #expect(previous.contains("Der vorherige Schlüssel bleibt gültig bis"))
        let outcome = BarrierOutcome(
            unacknowledged: ["a", "b", "c", "d"].map {
                .init(member: member(1, host: $0), until: later(1))
            }
        )
        administration.confirmation = .unconfirmed(.unacknowledged(outcome))
        let doubt = console.form("generate", version(), administration, headers).body
        #expect(doubt.contains("a, b, c und 1 weiteren"))
        administration.confirmation = .unconfirmed(
            .unacknowledged(BarrierOutcome(unlistedUntil: later(1)))
        )
        #expect(
            console.form("generate", version(), administration, headers).body.contains(
                "vor Kurzem getrenntes"
            )
        )
        administration.confirmation = confirmed()
        let gone = console.form("revoke", version(), administration, headers)
        let location = try #require(gone.header("Location"))
        #expect(page(String(location.dropFirst("/console/acme".count))).contains("Widerrufen."))
        administration.failure = .unavailable("x")
        #expect(page("").contains("Anfrage 7f3c91aa"))
        administration.failure = nil
        administration.current = status(
            record(age: day),
            refused: RefusedUses(count: 1, lastAt: now)
        )
        #expect(page("").contains("einmal abgewiesen, gerade eben"))
    }
}
