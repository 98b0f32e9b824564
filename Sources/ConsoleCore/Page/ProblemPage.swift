/// A page that shows a problem and nothing about any key.
struct ProblemPage {
    let settings: ConsoleSettings
    let texts: Texts
    let problem: Problem
    /// The ID under which the log tells more; `nil` if it does not.
    var request: String?
    /// Where to try again; `nil` if there is no such place.
    var retry: String?

    var html: HTML {
        let frame = PageFrame(settings: settings, texts: texts)
        let (title, detail) = texts.problem(problem)
        switch problem {
        case .notSignedIn:
            return frame.page(title: title, "<h1>\(texts.notSignedIn)</h1>")
        case .notFound:
            return frame.page(title: title, "<h1>\(title)</h1><p class=\"lead\">\(detail)</p>")
        default:
            let box = ProblemBox(texts: texts, problem: problem, request: request).html
            return frame.page(title: title, "<h1>\(texts.heading)</h1>" + box + again)
        }
    }

    private var again: HTML {
        guard let retry else { return .empty }
        return """
            <section class="card" aria-labelledby="key-heading"><div class="row"><div>\
            <h2 id="key-heading">\(texts.yourKey)</h2><p>\(texts.stillWorks)</p></div>\
            <a class="button" href="\(retry)">\(texts.tryAgain)</a></div></section>
            """
    }
}
