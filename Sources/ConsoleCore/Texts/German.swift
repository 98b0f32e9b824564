extension Texts {
    static let german = Texts(
        language: .german,
        ago: { $0.count == 0 ? "gerade eben" : "vor \(germanSpan($0, isDative: true))" },
        ahead: { $0.count == 0 ? "jetzt" : "in \(germanSpan($0, isDative: true))" },
        span: { germanSpan($0, isDative: false) },
        date: germanDate,
        moment: { "\(germanDate($0)), \($0.clock) UTC" },
        heading: "API-Schlüssel",
        title: { "API-Schlüssel – \($0)" },
        lead: { product, organization in
            let api = product.map { "das API von \($0)" } ?? "das API"
            return """
                Weist Anfragen an \(api) als die von <strong>\(organization)</strong> aus. Nur Sie als \
                Inhaber der Organisation sehen diese Seite.
                """
        },
        backTo: { "Zurück zu \($0)" },
        documentation: "API-Referenz",
        yourKey: "Ihr Schlüssel",
        status: "Status",
        active: "Aktiv",
        expired: "Abgelaufen",
        noKey: "Kein API-Schlüssel erzeugt",
        lastUsed: "Zuletzt verwendet",
        never: "Nie",
        unknown: "Derzeit nicht bekannt",
        upToDate: "Aktuell: Alle Gateways wurden soeben gefragt.",
        mayLack: { "Verwendungen der letzten \($0) Sekunden können fehlen." },
        notAllAnswered:
            "Nicht alle Gateways haben geantwortet: Es kann eine spätere Verwendung geben.",
        mayBePrevious: "Mit diesem oder dem vorherigen Schlüssel.",
        created: "Erzeugt",
        createdBy: { date, who in "\(date), von \(who)" },
        expires: "Läuft ab",
        key: "Schlüssel",
        rotationDue: { "Dieser Schlüssel ist \($0) alt. Erwägen Sie, ihn zu erneuern." },
        refused: { count, ago in
            let times =
                count == 1 ? "einmal abgewiesen, \(ago)" : "\(count)-mal abgewiesen, zuletzt \(ago)"
            return "Anfragen mit früheren Schlüsseln wurden \(times). Vielleicht verwendet eine "
                + "Anwendung noch einen alten Schlüssel."
        },
        previousValid: { "Der vorherige Schlüssel bleibt gültig bis \($0)." },
        generate: "API-Schlüssel erzeugen",
        generateNew: "Neuen API-Schlüssel erzeugen",
        revokeHeading: "Schlüssel widerrufen",
        revokeText:
            "Löscht ihn endgültig. Anfragen mit ihm werden sofort abgewiesen. Das lässt sich "
            + "nicht rückgängig machen.",
        revoke: "API-Schlüssel widerrufen …",
        expiryChoice: "Der neue Schlüssel läuft ab",
        noExpiry: "Nie",
        graceChoice: "Der vorherige Schlüssel bleibt gültig für",
        noGrace: "Gar nicht",
        howItWorks: "So funktioniert der Schlüssel",
        rules: [
            "Ein neuer Schlüssel macht den vorherigen sofort ungültig.",
            "Ein Widerruf gilt an jedem Gateway, bevor diese Seite es meldet.",
            "Bewahren Sie den Schlüssel in einem Passwortmanager auf, nie in Dateien der Versionsverwaltung.",
            "Erneuern Sie ihn regelmäßig, und sofort, wenn er bekannt geworden sein könnte.",
            "Geben Sie ihn nur Anwendungen, die das API brauchen.",
        ],
        generateQuestion: "Neuen API-Schlüssel erzeugen?",
        generateEffect: "Der vorherige Schlüssel wird sofort ungültig.",
        generateEffectChoice: "Der vorherige Schlüssel wird ungültig.",
        generateAdvice:
            "Anwendungen, die ihn verwenden, funktionieren erst mit dem neuen Schlüssel wieder.",
        generateYes: "Erzeugen",
        revokeQuestion: "API-Schlüssel widerrufen?",
        revokeEffect: "Er wird endgültig gelöscht, und Anfragen mit ihm werden sofort abgewiesen.",
        revokeAdvice:
            "Das lässt sich nicht rückgängig machen. Wenn Sie das API wieder brauchen, erzeugen "
            + "Sie einen neuen Schlüssel.",
        revokeYes: "Widerrufen",
        cancel: "Abbrechen",
        wasLastUsed: { "Zuletzt verwendet wurde er <strong>\($0)</strong>." },
        wasNeverUsed: "Er wurde nie verwendet.",
        lastUseUnknown: "Wann er zuletzt verwendet wurde, ist derzeit nicht bekannt.",
        working: "Warten, bis kein Gateway mehr den alten Schlüssel annimmt …",
        newKey: "Ihr neuer API-Schlüssel",
        copyItNow: """
            Kopieren Sie ihn jetzt, und bewahren Sie ihn in einem Passwortmanager auf. \
            <strong>Er wird nicht noch einmal angezeigt.</strong>
            """,
        copy: "Kopieren",
        copied: "Kopiert.",
        pressToCopy: "Drücken Sie Strg+C zum Kopieren.",
        pressToCopyOnMac: "Drücken Sie ⌘C zum Kopieren.",
        useIt: "So verwenden Sie ihn:",
        stored: "Ich habe ihn gespeichert",
        previousEnded: { count, moment in
            let gateways: HTML =
                switch count {
                case nil: "allen Gateways"
                case 1: "dem Gateway"
                case let count?: "allen \(String(count)) Gateways"
                }
            return "Der vorherige Schlüssel gilt an \(gateways) nicht mehr seit \(moment)."
        },
        previousStays: { "Der vorherige Schlüssel bleibt gültig bis \($0)." },
        revoked: { "Widerrufen. Kein Gateway nimmt den Schlüssel mehr an seit \($0)." },
        doubts: Doubts(
            keyCreated: "Der neue Schlüssel ist erzeugt, aber",
            keyRevoked: "Der Schlüssel ist widerrufen, aber",
            unacknowledged: { gateways, until in
                """
                das Gateway auf <strong>\(gateways)</strong> hat es nicht bestätigt: Es kann den alten \
                Schlüssel noch bis \(until) annehmen.
                """
            },
            unlisted: { until in
                "ein vor Kurzem getrenntes Gateway kann den alten Schlüssel noch bis \(until) annehmen."
            },
            unknown: "es ist nicht bekannt, ob schon jedes Gateway den alten Schlüssel abweist.",
            notAudited: "die Änderung fehlt im Protokoll.",
            undone: "der Speicher hat die Änderung verloren. Bitte wiederholen Sie sie.",
            mayBeLost: """
                noch haben zu wenige Server die Änderung: Ein Ausfall kann sie rückgängig machen. Sehen Sie \
                gleich noch einmal nach.
                """,
            others: { "und \($0) weiteren" }
        ),
        problem: germanProblem,
        notSignedIn: "Sie sind nicht angemeldet.",
        tryAgain: "Noch einmal versuchen",
        stillWorks: "Anfragen mit Ihrem Schlüssel sind davon nicht betroffen.",
        request: { "Anfrage \($0)" },
        failed:
            "Die Anfrage kam nicht durch. Prüfen Sie Ihre Verbindung, und versuchen Sie es noch einmal."
    )
}

private func germanSpan(_ span: TimeParts, isDative: Bool) -> String {
    let singular = ["Tag", "Stunde", "Minute", "Sekunde"]
    let plural = [isDative ? "Tagen" : "Tage", "Stunden", "Minuten", "Sekunden"]
    return "\(span.count) \((span.count == 1 ? singular : plural)[span.unit.rawValue])"
}

private func germanDate(_ time: CalendarTime) -> String {
    let months = [
        "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September",
        "Oktober", "November", "Dezember",
    ]
    return "\(time.day). \(months[time.month - 1]) \(time.year)"
}

private func germanProblem(_ problem: Problem) -> (title: String, detail: String) {
    switch problem {
    case .notSignedIn:
        ("Sie sind nicht angemeldet", "Melden Sie sich an, und versuchen Sie es noch einmal.")
    case .reauthenticationNeeded:
        (
            "Bitte melden Sie sich noch einmal an",
            "Es wurde nichts geändert: Ihre letzte Anmeldung liegt für eine Änderung zu lange zurück."
        )
    case .notFound:
        (
            "Seite nicht gefunden",
            "Hier ist nichts, oder nichts, was Sie sehen dürfen. Prüfen Sie die Adresse."
        )
    case .methodNotAllowed: ("Diese Methode ist hier nicht möglich", "Siehe das Kopffeld Allow.")
    case .crossSite:
        (
            "Die Anfrage kam von einer anderen Seite",
            "Es wurde nichts geändert. Öffnen Sie die Seite selbst."
        )
    case .invalid(let subject):
        ("Die Anfrage ist ungültig", "Es wurde nichts geändert. Ungültig: \(subject).")
    case .unsupportedType:
        ("Der Inhalt hat den falschen Typ", "Es wurde nichts geändert. Siehe das Kopffeld Accept.")
    case .tooLarge: ("Der Inhalt ist zu groß", "Es wurde nichts geändert.")
    case .requestTimeout:
        (
            "Die Anfrage kam nicht rechtzeitig an",
            "Es wurde nichts geändert. Bitte versuchen Sie es noch einmal."
        )
    case .keyChanged:
        (
            "Der Schlüssel wurde gerade eben geändert",
            "Das war, nachdem Sie diese Seite geöffnet hatten, vielleicht in einem anderen Tab. Diesmal wurde nichts geändert."
        )
    case .preconditionNeeded:
        (
            "Die Anfrage sagt nicht, um welchen Schlüssel es geht",
            "Es wurde nichts geändert. Senden Sie If-Match mit dem ETag des Status, oder *."
        )
    case .tooMany:
        (
            "Zu viele Änderungen",
            "Es wurde nichts geändert. Bitte warten Sie, bevor Sie es noch einmal versuchen."
        )
    case .busy:
        (
            "Die Seite ist ausgelastet",
            "Es wurde nichts geändert. Bitte versuchen Sie es noch einmal."
        )
    case .storeUnavailable:
        (
            "Der Status des Schlüssels ist derzeit nicht verfügbar",
            "Es wurde nichts geändert. Bitte versuchen Sie es noch einmal."
        )
    case .outcomeUnknown:
        (
            "Es ist nicht bekannt, ob der Schlüssel geändert wurde",
            "Öffnen Sie die Seite noch einmal, um den aktuellen Status zu sehen."
        )
    }
}
