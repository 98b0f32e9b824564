import Administration
import Keyring

/// What a page shows above the facts.
enum Notice: Equatable {
    /// A problem, and the request that had it, if the log tells more.
    case problem(Problem, request: String?)
    /// The key is revoked since that moment.
    case revoked(UnixTime)
    /// The key is revoked, but it is uncertain where.
    case doubt(ConfirmationResult.Uncertainty)
}

/// Everything that the pages of an organization have in common.
struct PageContext {
    let settings: ConsoleSettings
    let texts: Texts
    let organization: Organization
    /// What the organization's keys begin with.
    let keyPrefix: String
    let now: UnixTime

    /// The address of the organization's page.
    var address: String { "\(settings.base)/\(organization)" }

    func address(_ change: ChangeKind) -> String { "\(address)/\(change.rawValue)" }

    /// A moment, marked up with its exact time. Today needs no date.
    func moment(_ time: UnixTime) -> HTML {
        let (moment, today) = (CalendarTime(time), CalendarTime(now))
        let isToday = texts.date(moment) == texts.date(today)
        return """
            <time datetime="\(TimeText.rfc3339(time))" title="\(texts.moment(moment))">\
            \(isToday ? "\(moment.clock) UTC" : texts.moment(moment))</time>
            """
    }

    /// The date of a moment, marked up with its exact time.
    func date(_ time: UnixTime) -> HTML {
        """
        <time datetime="\(TimeText.rfc3339(time))" title="\(texts.moment(CalendarTime(time)))">\
        \(texts.date(CalendarTime(time)))</time>
        """
    }

    /// How long ago a moment was, marked up with its exact time.
    func ago(_ time: UnixTime) -> HTML {
        """
        <time datetime="\(TimeText.rfc3339(time))" title="\(texts.moment(CalendarTime(time)))">\
        \(texts.ago(TimeParts(from: time, to: now)))</time>
        """
    }

    /// A choice of spans; empty if there is nothing to choose from.
    func choice(_ name: String, _ label: String, _ none: String, _ choices: [SpanChoice]) -> HTML {
        guard !choices.isEmpty else { return .empty }
        let options = choices.map { choice -> HTML in
            let text = choice.milliseconds.map {
                texts.span(TimeParts(milliseconds: Int64(clamping: $0)))
            }
            return "<option value=\"\(choice.text)\">\(text ?? none)</option>"
        }
        return """
            <p class="choice"><label for="\(name)">\(label)</label>\
            <select id="\(name)" name="\(name)">\(HTML.joined(options))</select></p>
            """
    }

    /// When a new key expires.
    var expiryChoice: HTML {
        choice("expires_in", texts.expiryChoice, texts.noExpiry, settings.expiries)
    }

    /// For how long the previous key stays valid.
    var graceChoice: HTML { choice("grace", texts.graceChoice, texts.noGrace, settings.graces) }
}
