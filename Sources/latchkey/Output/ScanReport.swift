import Administration
import Glibc
import Keyring

/// Writes each finding of a scan at once.
final class ScanReport {
    /// Digits of a commit's ID on a terminal and in text.
    private static let idLength = 12

    private let isJSON: Bool
    private var count = 0
    private var failure: AdministrationError?

    init(asJSON isJSON: Bool) {
        self.isJSON = isJSON
    }

    func add(_ finding: ScanFinding) {
        let text: String
        if isJSON {
            text = (count == 0 ? "[" : ",\n") + Self.object(finding)
        } else {
            text = Self.line(finding, isTerminal: ANSIStyle.isTerminal(STDOUT_FILENO))
        }
        count += 1
        write(text)
    }

    /// Ends the output.
    ///
    /// - Throws: An error if any of it could not be written.
    func end() throws(AdministrationError) {
        if isJSON { write(count == 0 ? "[]\n" : "]\n") }
        if let failure { throw failure }
    }

    /// The text without characters that control a terminal.
    static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { scalar in
                    switch scalar.properties.generalCategory {
                    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
                        "\u{FFFD}"
                    default: scalar
                    }
                }
            )
        )
    }

    private func write(_ text: String) {
        guard failure == nil else { return }
        do throws(AdministrationError) {
            try Terminal.write(text)
        } catch {
            failure = error
        }
    }

    static func line(_ finding: ScanFinding, isTerminal: Bool) -> String {
        let (state, organization) = words(finding.verdict)
        let style: ANSIStyle? =
            switch finding.verdict {
            case .active: .bad
            case .unknown: .warning
            case .revoked, .expired, .forged: nil
            }
        let shown = style?.applied(to: state) ?? state
        let cells = [place(finding), finding.shown, shown, organization?.name ?? "-"]
        return cells.joined(separator: isTerminal ? "  " : "\t") + "\n"
    }

    /// `FILE:LINE`, `COMMIT:FILE:LINE`, `COMMIT` or `index:FILE:LINE`, as git and compilers write it.
    private static func place(_ finding: ScanFinding) -> String {
        let line = finding.line == 0 ? "" : ":\(finding.line)"
        switch finding.place {
        case .file(let path): return name(path) + line
        case .commit(_, let id, let path?): return "\(id.prefix(idLength)):\(name(path))\(line)"
        case .commit(_, let id, nil): return "\(id.prefix(idLength))"
        case .index(_, let path): return "index:\(name(path))\(line)"
        }
    }

    /// Names of files may contain keys, too.
    private static func name(_ path: String) -> String { Redaction.redacting(printable(path)) }

    private static func object(_ finding: ScanFinding) -> String {
        let (state, organization) = words(finding.verdict)
        let text = { (text: String?) in
            text.map { JSONText.string(Redaction.redacting($0)) } ?? "null"
        }
        var commit: String?
        if case .commit(_, let id, _) = finding.place { commit = id }
        return JSONText.object([
            ("file", text(finding.place.path)),
            ("line", finding.line == 0 ? "null" : String(finding.line)),
            ("repository", text(finding.place.repository)),
            ("commit", text(commit)),
            ("prefix", JSONText.string(finding.prefix)),
            ("locator", JSONText.string("\(finding.locator)")),
            ("state", JSONText.string(state)),
            ("organization", organization.map { JSONText.string($0.name) } ?? "null"),
        ])
    }

    private static func words(_ verdict: ScanVerdict) -> (String, Organization?) {
        switch verdict {
        case .active(let organization): ("active", organization)
        case .revoked(let organization): ("revoked", organization)
        case .expired(let organization): ("expired", organization)
        case .forged: ("forged", nil)
        case .unknown: ("unknown", nil)
        }
    }
}
