/// Markup. Only what stands in the source code is taken as it is: everything that is interpolated is
/// escaped, unless it is markup itself. It may stand between tags and in quoted attributes; nothing may
/// be interpolated into scripts or styles.
struct HTML: Equatable, Sendable {
    private(set) var text: String

    private init(raw text: String) {
        self.text = text
    }

    static let empty: HTML = ""

    /// Where the key goes: see ``ConsoleResponse``.
    static let keyPlace = HTML(raw: ConsoleResponse.keyPlace)

    static func joined(_ parts: [HTML]) -> HTML { HTML(raw: parts.map(\.text).joined()) }

    static func + (left: HTML, right: HTML) -> HTML { HTML(raw: left.text + right.text) }

    /// The text that a reader sees.
    var plainText: String {
        var plain = ""
        var isTag = false
        for character in text {
            switch character {
            case "<": isTag = true
            case ">": isTag = false
            default: if !isTag { plain.append(character) }
            }
        }
        for (entity, character) in Self.entities {
            plain = plain.split(separator: entity, omittingEmptySubsequences: false)
                .joined(separator: character)
        }
        return plain
    }

    /// The escapes, with that of `&` last: what it leaves is text.
    private static let entities = [
        ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&"),
    ]

    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            // Such characters are allowed nowhere in HTML, and one of them marks the place of the key.
            case "\u{0}"..<"\u{9}", "\u{B}"..<"\u{20}", "\u{7F}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

extension HTML: ExpressibleByStringInterpolation {
    init(stringLiteral text: StaticString) {
        self.text = text.withUTF8Buffer { String(decoding: $0, as: UTF8.self) }
    }

    init(stringInterpolation: Interpolation) {
        text = stringInterpolation.text
    }

    struct Interpolation: StringInterpolationProtocol {
        fileprivate var text = ""

        init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + 32 * interpolationCount)
        }

        mutating func appendLiteral(_ literal: StaticString) {
            literal.withUTF8Buffer { text += String(decoding: $0, as: UTF8.self) }
        }

        mutating func appendInterpolation(_ value: String) { text += HTML.escaped(value) }

        mutating func appendInterpolation(_ value: HTML) { text += value.text }

        mutating func appendInterpolation(_ value: HTML?) { text += value?.text ?? "" }
    }
}
