import Keyring

/// Formats audit entries.
enum AuditReport {
    static func text(_ lines: [AuditLine]) -> String {
        if lines.isEmpty, ANSIStyle.isTerminal(1) { return "There are no entries.\n" }
        return Table.text(
            header: ["TIME", "WHAT", "WHO", "VIA", "OUTCOME"],
            rows: lines.map { line in
                [
                    TimeText.rfc3339(line.at),
                    line.newOwner.map { "\(line.what) to \($0)" } ?? line.what, line.who,
                    line.via, line.isRefused ? "refused" : "done",
                ]
            }
        )
    }

    static func json(_ lines: [AuditLine]) -> String {
        JSONText.array(lines.map(object)) + "\n"
    }

    private static func object(_ line: AuditLine) -> String {
        JSONText.object([
            ("at", JSONText.string(TimeText.rfc3339(line.at))),
            ("what", JSONText.string(line.what)),
            ("who", JSONText.string(line.who)),
            ("via", JSONText.string(line.via)),
            ("new_owner", line.newOwner.map { JSONText.string($0) } ?? "null"),
            ("outcome", JSONText.string(line.isRefused ? "refused" : "done")),
        ])
    }
}
