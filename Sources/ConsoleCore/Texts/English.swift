extension Texts {
    static let english = Texts(
        language: .english,
        ago: { $0.count == 0 ? "just now" : "\(englishSpan($0)) ago" },
        ahead: { $0.count == 0 ? "now" : "in \(englishSpan($0))" },
        span: englishSpan,
        date: englishDate,
        moment: { "\(englishDate($0)), \($0.clock) UTC" },
        heading: "API key",
        title: { "API key — \($0)" },
        lead: { product, organization in
            let api = product.map { "the \($0) API" } ?? "the API"
            return """
                Authenticates requests to \(api) for <strong>\(organization)</strong>. Only you, the \
                organization’s owner, can see this page.
                """
        },
        backTo: { "Back to \($0)" },
        documentation: "API reference",
        yourKey: "Your key",
        status: "Status",
        active: "Active",
        expired: "Expired",
        noKey: "No API key generated",
        lastUsed: "Last Used",
        never: "Never",
        unknown: "Currently unknown",
        upToDate: "Up to date: every gateway was asked just now.",
        mayLack: { "Uses of the last \($0) seconds may be missing." },
        notAllAnswered: "Not every gateway has answered: there may be a later use.",
        mayBePrevious: "With this key or the previous one.",
        created: "Created",
        createdBy: { date, who in "\(date), by \(who)" },
        expires: "Expires",
        key: "Key",
        rotationDue: { "This key is \($0) old. Consider rotating it." },
        refused: { count, ago in
            let times =
                count == 1 ? "once, \(ago)" : "\(count) times, most recently \(ago)"
            return "Requests with earlier keys were refused \(times). An application may still be "
                + "using an old key."
        },
        previousValid: { "The previous key stays valid until \($0)." },
        generate: "Generate API Key",
        generateNew: "Generate a New API Key",
        revokeHeading: "Revoke the key",
        revokeText:
            "Deletes it permanently. Requests that use it immediately get an authentication "
            + "error. There is no undo.",
        revoke: "Revoke API Key…",
        expiryChoice: "The new key expires",
        noExpiry: "Never",
        graceChoice: "The previous key stays valid for",
        noGrace: "No time at all",
        howItWorks: "How the key works",
        rules: [
            "Generating a new key immediately invalidates the previous one.",
            "Revoking takes effect on every gateway before this page says so.",
            "Store the key in a secrets manager, never in files committed to version control.",
            "Rotate it periodically, and immediately if you suspect it has been exposed.",
            "Only give it to applications that need API access.",
        ],
        generateQuestion: "Generate a new API key?",
        generateEffect: "This immediately invalidates the previous key.",
        generateEffectChoice: "This invalidates the previous key.",
        generateAdvice: "Applications that use it stop working until they have the new key.",
        generateYes: "Generate",
        revokeQuestion: "Revoke the API key?",
        revokeEffect: "It is deleted permanently, and requests that use it immediately get an "
            + "authentication error.",
        revokeAdvice: "There is no undo. If you need API access again, generate a new key.",
        revokeYes: "Revoke",
        cancel: "Cancel",
        wasLastUsed: { "It was last used <strong>\($0)</strong>." },
        wasNeverUsed: "It was never used.",
        lastUseUnknown: "Last use is currently unknown.",
        working: "Waiting until no gateway accepts the old key…",
        newKey: "Your new API key",
        copyItNow: """
            Copy it now and store it in a password manager or a secrets vault. \
            <strong>It will not be shown again.</strong>
            """,
        copy: "Copy",
        copied: "Copied.",
        pressToCopy: "Press Ctrl+C to copy.",
        pressToCopyOnMac: "Press ⌘C to copy.",
        useIt: "Use it as a bearer token:",
        stored: "I have stored it",
        previousEnded: { count, moment in
            let gateways: HTML =
                switch count {
                case nil: "every gateway"
                case 1: "the gateway"
                case let count?: "all \(String(count)) gateways"
                }
            return "The previous key stopped working on \(gateways) at \(moment)."
        },
        previousStays: { "The previous key stays valid until \($0)." },
        revoked: { "Revoked. No gateway has accepted the key since \($0)." },
        doubts: Doubts(
            keyCreated: "The new key has been created, but",
            keyRevoked: "The key has been revoked, but",
            unacknowledged: { gateways, until in
                """
                the gateway on <strong>\(gateways)</strong> has not confirmed it: it may accept the \
                old key until \(until).
                """
            },
            unlisted: { until in
                "a gateway that was recently disconnected may accept the old key until \(until)."
            },
            unknown: "it is not known whether every gateway refuses the old key already.",
            notAudited: "the change is missing in the audit.",
            undone: "the store has lost the change. Please repeat it.",
            mayBeLost: """
                too few servers hold it yet: a failure may undo it. Look at the status again in a moment.
                """,
            others: { "and \($0) more" }
        ),
        problem: englishProblem,
        notSignedIn: "You are not signed in.",
        tryAgain: "Try again",
        stillWorks: "Requests with your key are not affected by this page.",
        request: { "Request \($0)" },
        failed: "The request did not get through. Check your connection, and try again."
    )
}

private func englishSpan(_ span: TimeParts) -> String {
    let noun = ["day", "hour", "minute", "second"][span.unit.rawValue]
    return "\(span.count) \(noun)\(span.count == 1 ? "" : "s")"
}

private func englishDate(_ time: CalendarTime) -> String {
    let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    return "\(time.day) \(months[time.month - 1]) \(time.year)"
}

private func englishProblem(_ problem: Problem) -> (title: String, detail: String) {
    switch problem {
    case .notSignedIn: ("You are not signed in", "Sign in, and try again.")
    case .reauthenticationNeeded:
        (
            "Please sign in again",
            "Nothing was changed: your last sign-in is too long ago for a change."
        )
    case .notFound:
        ("Page not found", "This page does not exist, or you may not view it. Check the address.")
    case .methodNotAllowed: ("That method is not possible here", "See the header field Allow.")
    case .crossSite:
        ("The request came from another site", "Nothing was changed. Open the page itself.")
    case .invalid(let subject):
        ("The request is not valid", "Nothing was changed. Invalid: \(subject).")
    case .unsupportedType:
        ("The body has the wrong type", "Nothing was changed. See the header field Accept.")
    case .tooLarge: ("The body is too large", "Nothing was changed.")
    case .requestTimeout:
        ("The request did not arrive in time", "Nothing was changed. Please try again.")
    case .keyChanged:
        (
            "The key has just been changed",
            "It happened after you opened this page, perhaps in another tab. Nothing was changed this time."
        )
    case .preconditionNeeded:
        (
            "The request does not say which key it is about",
            "Nothing was changed. Send If-Match with the ETag of the status, or *."
        )
    case .tooMany: ("Too many changes", "Nothing was changed. Please wait before you try again.")
    case .busy: ("The page is busy", "Nothing was changed. Please try again.")
    case .storeUnavailable:
        (
            "The key’s status is not available at the moment",
            "Nothing was changed. Please try again."
        )
    case .outcomeUnknown:
        (
            "It is not known whether the key was changed",
            "Open the page again to see the current status."
        )
    }
}
