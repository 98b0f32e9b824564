import Administration
import Keyring

/// The page of an organization: its key's status, and what the owner can do.
struct KeyPage {
    let context: PageContext
    let status: KeyStatus
    var notice: Notice?

    private var texts: Texts { context.texts }

    var html: HTML {
        PageFrame(settings: context.settings, texts: texts).page(
            title: texts.title(context.organization.name),
            head + noticeBox + card + revocation
                + Explanation(texts: texts, isOpen: key == nil).html
                + documentation
        )
    }

    private var key: KeyRecord.Key? { status.record.key }

    private var isExpired: Bool { key?.expiresAt.map { $0 <= context.now } ?? false }

    // MARK: Parts

    var head: HTML { PageHead(context: context).html }

    private var noticeBox: HTML {
        notice.map { NoticeBox(context: context, notice: $0).html } ?? .empty
    }

    private var card: HTML {
        """
        <section class="card" aria-labelledby="key-heading"><header>\
        <h2 id="key-heading" tabindex="-1">\(texts.yourKey)</h2></header>\
        <dl class="facts">\(facts)</dl>\(notes)\(action)</section>
        """
    }

    private var facts: HTML {
        guard let key else {
            return fact(texts.status, badge("none", texts.noKey)) + fact(texts.lastUsed, "—")
        }
        let state = isExpired ? badge("expired", texts.expired) : badge("active", texts.active)
        let creation = texts.createdBy(context.date(key.createdAt), key.createdBy.name)
        return fact(texts.status, state) + fact(texts.lastUsed, lastUse)
            + fact(texts.created, creation) + expiry + fact(texts.key, hint)
    }

    private func fact(_ name: String, _ value: HTML) -> HTML {
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>"
    }

    private func badge(_ kind: String, _ text: String) -> HTML {
        "<span class=\"badge \(kind)\">\(text)</span>"
    }

    private var lastUse: HTML {
        let use: HTML =
            switch status.lastUse {
            case .never: "\(texts.never)"
            case .at(let time): context.ago(time)
            case .unknown: "\(texts.unknown)"
            }
        let previous: HTML =
            status.lastUseMayBePrevious ? "<small>\(texts.mayBePrevious)</small>" : .empty
        return use + previous + "<small>\(delay)</small>"
    }

    private var delay: String {
        switch status.lastUseDelay {
        case .none: texts.upToDate
        case .milliseconds(let behind): texts.mayLack(behind / 1000)
        case .unknown: texts.notAllAnswered
        }
    }

    private var expiry: HTML {
        guard let end = key?.expiresAt else { return .empty }
        let distance =
            isExpired
            ? texts.ago(TimeParts(from: end, to: context.now))
            : texts.ahead(TimeParts(from: context.now, to: end))
        return fact(texts.expires, "\(context.date(end)) <small>\(distance)</small>")
    }

    /// The public part of the key, by which logs name it.
    private var hint: HTML {
        "<code translate=\"no\">\(context.keyPrefix)_\(context.organization.locator.description)_…</code>"
    }

    private var notes: HTML {
        var notes: [HTML] = []
        if let until = status.previousUntil {
            notes.append(texts.previousValid(context.moment(until)))
        }
        if status.rotationDueSince != nil, let key {
            let age = texts.span(TimeParts(from: key.createdAt, to: context.now))
            notes.append("\(texts.rotationDue(age))")
        }
        if let refused = status.refusedUses {
            let ago = texts.ago(TimeParts(from: refused.lastAt, to: context.now))
            notes.append("\(texts.refused(refused.count, ago))")
        }
        return .joined(notes.map { "<p class=\"note\">\(Mark.warning)<span>\($0)</span></p>" })
    }

    private var action: HTML {
        guard key == nil else {
            return """
                <div class="actions"><a class="button primary" href="\(context.address(.generate))" \
                data-question>\(texts.generateNew)</a></div>
                """
        }
        return """
            <form method="post" action="\(context.address(.generate))" data-working="\(texts.working)" \
            data-failed="\(texts.failed)">\
            <input type="hidden" name="version" value="\(EntityTag(status).text)">\
            \(context.expiryChoice)\
            <div class="actions"><button class="primary">\(texts.generate)</button></div></form>
            """
    }

    private var revocation: HTML {
        guard key != nil else { return .empty }
        return """
            <section class="card" aria-labelledby="revoke-heading"><div class="row"><div>\
            <h2 id="revoke-heading">\(texts.revokeHeading)</h2><p>\(texts.revokeText)</p></div>\
            <a class="button quiet-danger" href="\(context.address(.revoke))" data-question>\
            \(texts.revoke)</a></div></section>
            """
    }

    private var documentation: HTML {
        guard let address = context.settings.documentation else { return .empty }
        return """
            <p class="links"><a href="\(address)">\(texts.documentation)</a></p>
            """
    }
}

/// The heading of an organization's pages.
struct PageHead {
    let context: PageContext

    var html: HTML {
        let name: HTML = "\(context.organization.name)"
        return """
            <h1>\(context.texts.heading)</h1>\
            <p class="lead">\(context.texts.lead(context.settings.product?.text, name))</p>
            """
    }
}

/// What an owner should know.
struct Explanation {
    let texts: Texts
    let isOpen: Bool

    var html: HTML {
        let rules = HTML.joined(texts.rules.map { "<li>\($0)</li>" })
        let open: HTML = isOpen ? " open" : ""
        return """
            <section class="card"><details\(open)><summary>\(texts.howItWorks)</summary>\
            <ul>\(rules)</ul></details></section>
            """
    }
}
