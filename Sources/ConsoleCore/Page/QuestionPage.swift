import Administration
import Keyring

/// The question before a change that ends a key: a page of its own, or the contents of a dialog.
struct QuestionPage {
    let context: PageContext
    let change: ChangeKind
    let status: KeyStatus

    private var texts: Texts { context.texts }

    var html: HTML {
        PageFrame(settings: context.settings, texts: texts).page(
            title: texts.title(context.organization.name),
            PageHead(context: context).html + question
        )
    }

    private var question: HTML {
        """
        <section class="card question" data-question-card aria-labelledby="question">\
        <form method="post" action="\(context.address(change))" data-working="\(texts.working)" \
        data-failed="\(texts.failed)">\
        <input type="hidden" name="version" value="\(EntityTag(status).text)">\
        <div class="body"><h2 id="question">\(heading)</h2>\(effect)</div>\(choices)\
        <div class="actions end"><a class="button" href="\(context.address)" data-cancel>\
        \(texts.cancel)</a>\(confirm)</div></form></section>
        """
    }

    private var heading: String {
        switch change {
        case .generate: texts.generateQuestion
        case .revoke: texts.revokeQuestion
        }
    }

    private var effect: HTML {
        switch change {
        case .generate:
            let effect =
                context.settings.graces.contains { $0.milliseconds != nil }
                ? texts.generateEffectChoice : texts.generateEffect
            return "<p>\(effect) \(lastUse)</p><p class=\"muted\">\(texts.generateAdvice)</p>"
        case .revoke:
            return
                "<p>\(texts.revokeEffect) \(lastUse)</p><p class=\"muted\">\(texts.revokeAdvice)</p>"
        }
    }

    private var lastUse: HTML {
        switch status.lastUse {
        case .at(let time): texts.wasLastUsed(context.ago(time))
        case .never: "\(texts.wasNeverUsed)"
        case .unknown: "\(texts.lastUseUnknown)"
        }
    }

    private var choices: HTML {
        change == .generate ? context.expiryChoice + context.graceChoice : .empty
    }

    private var confirm: HTML {
        switch change {
        case .generate: "<button class=\"primary\">\(texts.generateYes)</button>"
        case .revoke: "<button class=\"danger\">\(texts.revokeYes)</button>"
        }
    }
}
