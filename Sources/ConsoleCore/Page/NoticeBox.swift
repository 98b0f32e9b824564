import Administration
import Keyring

/// A notice above the facts.
struct NoticeBox {
    let context: PageContext
    let notice: Notice

    private var texts: Texts { context.texts }

    var html: HTML {
        switch notice {
        case .revoked(let since):
            return """
                <p class="note good top" role="status">\(Mark.done)\
                <span>\(texts.revoked(context.moment(since)))</span></p>
                """
        case .doubt(let uncertainty):
            let doubt = DoubtText(context: context).html(texts.doubts.keyRevoked, uncertainty)
            return """
                <p class="note top" role="alert">\(Mark.warning)<span>\(doubt)</span></p>
                """
        case .problem(let problem, let request):
            return ProblemBox(texts: texts, problem: problem, request: request).html
        }
    }
}

/// A problem above the facts, or alone.
struct ProblemBox {
    let texts: Texts
    let problem: Problem
    let request: String?

    var html: HTML {
        let (title, detail) = texts.problem(problem)
        let id: HTML? = request.map { " <small>\(texts.request($0))</small>" }
        return """
            <p class="note bad top" role="alert" tabindex="-1" data-focus>\(Mark.warning)\
            <span><strong>\(title).</strong> \(detail)\(id)</span></p>
            """
    }
}

/// Why a change is uncertain, in the user's language. What the store said is for the log alone.
struct DoubtText {
    /// Most gateways that a sentence names.
    private static let namesMax = 3

    let context: PageContext

    /// - Parameter change: What was done, as the beginning of a sentence.
    func html(_ change: String, _ uncertainty: ConfirmationResult.Uncertainty) -> HTML {
        "\(change) \(reason(uncertainty))"
    }

    /// The same for programs.
    func text(_ change: String, _ uncertainty: ConfirmationResult.Uncertainty) -> String {
        html(change, uncertainty).plainText
    }

    private func reason(_ uncertainty: ConfirmationResult.Uncertainty) -> HTML {
        let doubts = context.texts.doubts
        switch uncertainty {
        case .unacknowledged(let outcome): return reason(outcome)
        case .membershipUnknown, .primaryUnknown, .notReadBack: return doubts.unknown
        case .tooFewCopies, .copiesUnknown: return doubts.mayBeLost
        case .notAudited, .incomplete: return doubts.notAudited
        case .undone: return doubts.undone
        }
    }

    private func reason(_ outcome: BarrierOutcome) -> HTML {
        let doubts = context.texts.doubts
        if let last = outcome.unacknowledged.map(\.until).max() {
            return doubts.unacknowledged(
                names(outcome.unacknowledged.map(\.member.host)),
                context.moment(last)
            )
        }
        return outcome.unlistedUntil.map { doubts.unlisted(context.moment($0)) } ?? doubts.unknown
    }

    private func names(_ hosts: [String]) -> String {
        let names = Array(Set(hosts)).sorted()
        let rest = names.count - Self.namesMax
        let shown = names.prefix(Self.namesMax).joined(separator: ", ")
        return rest > 0 ? "\(shown) \(context.texts.doubts.others(rest))" : shown
    }
}
