import Keyring

/// What surrounds every page.
struct PageFrame {
    let settings: ConsoleSettings
    let texts: Texts

    func page(title: String, _ content: HTML) -> HTML {
        """
        <!doctype html>
        <html lang="\(texts.language.rawValue)"><head><meta charset="utf-8">\
        <meta name="viewport" content="width=device-width, initial-scale=1">\
        <meta name="color-scheme" content="light dark">\
        <title>\(title)</title>\
        <link rel="icon" href="\(file(.icon))" type="image/svg+xml">\
        <link rel="stylesheet" href="\(file(.styles))">\(theme)\
        <script src="\(file(.script))" defer></script></head>\
        <body><div class="page">\(back)<main>\(content)</main></div></body></html>

        """
    }

    private func file(_ asset: Asset) -> String { "\(settings.base)/assets/\(asset.name)" }

    private var theme: HTML? {
        settings.stylesheet.map { "<link rel=\"stylesheet\" href=\"\($0)\">" }
    }

    private var back: HTML {
        guard let product = settings.product else { return .empty }
        return """
            <nav><a class="back" href="\(product.address)"><span aria-hidden="true">←</span> \
            \(texts.backTo(product.text))</a></nav>
            """
    }
}

/// The marks before notes. They say nothing that the words do not say.
enum Mark {
    static let warning: HTML = """
        <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.75" \
        aria-hidden="true"><path d="M10 3 18 17H2Z" stroke-linejoin="round"/>\
        <path d="M10 8v4m0 2.4v.1" stroke-linecap="round"/></svg>
        """

    static let done: HTML = """
        <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="1.75" \
        aria-hidden="true"><circle cx="10" cy="10" r="7.5"/>\
        <path d="m6.8 10.2 2.2 2.2 4.2-4.6" stroke-linecap="round" stroke-linejoin="round"/></svg>
        """
}
