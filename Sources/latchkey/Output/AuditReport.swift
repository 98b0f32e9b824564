import Administration
import Keyring

/// Formats audit entries.
enum AuditReport {
    static func text(_ lines: [AuditLine]) -> String {
        if lines.isEmpty, ANSIStyle.isTerminal(1) { return "There are no entries.\n" }
        let hasAddresses = lines.contains { $0.address != nil }
        return Table.text(
            header: ["TIME", "WHAT", "WHO", "VIA", "OUTCOME"] + (hasAddresses ? ["FROM"] : []),
            rows: lines.map { line in
                [
                    TimeText.rfc3339(line.at),
                    line.newOwner.map { "\(line.action) to \($0)" } ?? line.action, line.principal,
                    line.account, line.isRefused ? "refused" : "done",
                ] + (hasAddresses ? [line.address ?? "-"] : [])
            }
        )
    }

    static func json(_ lines: [AuditLine]) -> String { JSONReport.audit(lines) + "\n" }
}
