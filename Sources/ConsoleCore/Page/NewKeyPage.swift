import Administration
import Keyring

/// The page that shows a new key, once.
struct NewKeyPage {
    let context: PageContext
    let record: KeyRecord
    /// Whether a key was replaced.
    let hadKey: Bool
    let confirmation: ConfirmationResult
    /// Number of gateways; `nil` if it is unknown.
    let gateways: Int?

    private var texts: Texts { context.texts }

    /// With ``HTML/keyPlace`` where the key belongs.
    var html: HTML {
        PageFrame(settings: context.settings, texts: texts).page(
            title: texts.title(context.organization.name),
            PageHead(context: context).html + card + Explanation(texts: texts, isOpen: false).html
        )
    }

    private var card: HTML {
        """
        <section class="card" aria-labelledby="key-heading"><header>\
        <h2 id="key-heading" tabindex="-1" data-focus>\(texts.newKey)</h2></header>\
        <div class="body"><p>\(texts.copyItNow)</p>\
        <p class="key" id="key" translate="no" tabindex="0" role="group" \
        aria-labelledby="key-heading">\(HTML.keyPlace)</p>\
        <p class="copy"><button type="button" class="primary" data-copy data-copied="\(texts.copied)" \
        data-press="\(texts.pressToCopy)" data-press-mac="\(texts.pressToCopyOnMac)" hidden>\
        \(texts.copy)</button><span role="status" data-live></span></p>\(example)</div>\(result)\
        <div class="actions end"><a class="button" href="\(context.address)" data-done>\
        \(texts.stored)</a></div></section>
        """
    }

    private var example: HTML {
        guard let api = context.settings.api else { return .empty }
        return """
            <p class="muted">\(texts.useIt)</p>\
            <pre translate="no" tabindex="0" role="group" aria-label="curl">curl -H \
            "Authorization: Bearer $API_KEY" \(api)</pre>
            """
    }

    private var result: HTML {
        switch confirmation {
        case .unconfirmed(let uncertainty) where hadKey || !uncertainty.isAboutGateways:
            let doubt = DoubtText(context: context).html(texts.doubts.keyCreated, uncertainty)
            return """
                <p class="note" role="alert">\(Mark.warning)<span>\(doubt)</span></p>\(previous)
                """
        case .confirmed(let since, _) where hadKey && record.previous == nil:
            return """
                <p class="note good">\(Mark.done)\
                <span>\(texts.previousEnded(gateways, context.moment(since)))</span></p>
                """
        default: return previous
        }
    }

    private var previous: HTML {
        guard let previous = record.previous else { return .empty }
        return """
            <p class="note">\(Mark.warning)\
            <span>\(texts.previousStays(context.moment(previous.until)))</span></p>
            """
    }
}

extension ConfirmationResult.Uncertainty {
    /// Whether all that is uncertain is who still accepts an old key: it does not matter where there was
    /// none.
    var isAboutGateways: Bool {
        switch self {
        case .membershipUnknown, .primaryUnknown, .unacknowledged: true
        case .notReadBack, .undone, .notAudited, .tooFewCopies, .copiesUnknown, .incomplete: false
        }
    }
}
