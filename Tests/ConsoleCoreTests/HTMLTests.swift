import Testing

@testable import ConsoleCore

@Suite struct `Markup` {
    @Test(arguments: [
        ("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("\"", "&quot;"), ("'", "&#39;"),
        (
            "</script><script>alert(1)</script>",
            "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
        ),
        ("\u{0}", "\u{FFFD}"), ("\u{7F}", "\u{FFFD}"), ("é → 日本", "é → 日本"), ("a\tb\nc", "a\tb\nc"),
    ])
    func `text is escaped when it is interpolated`(text: String, escaped: String) {
        let html: HTML = "<p title=\"\(text)\">\(text)</p>"
        #expect(html.text == "<p title=\"\(escaped)\">\(escaped)</p>")
    }

    @Test func `markup is interpolated as it is`() {
        let inner: HTML = "<b>\("<")</b>"
        let missing: HTML? = nil
        let outer: HTML = "<p>\(inner)\(missing)</p>"
        #expect(outer.text == "<p><b>&lt;</b></p>")
        #expect((inner + inner).text == HTML.joined([inner, inner]).text)
        #expect(HTML.empty.text == "")
    }

    @Test func `the place of the key cannot come from text`() {
        let html: HTML = "\("a\u{0}b")\(HTML.keyPlace)"
        #expect(html.text.filter { $0 == "\u{0}" }.count == 1)
    }

    @Test func `plain text is what a reader sees`() {
        let html: HTML = "a <strong>\("b & <c> \"d\" 'e' &lt;")</strong>."
        #expect(html.plainText == "a b & <c> \"d\" 'e' &lt;.")
    }
}
