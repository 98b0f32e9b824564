import Administration

/// Formats the doctor's findings.
enum DoctorReport {
    static func faults(_ findings: [Finding]) -> Int {
        findings.count { $0.level == .fault }
    }

    static func text(_ findings: [Finding]) -> String {
        let count = faults(findings)
        let end =
            count == 0
            ? "No problems found." : "\(Counted(count, "problem")) found."
        return findings.map(lines).joined() + end + "\n"
    }

    static func json(_ findings: [Finding]) -> String {
        JSONText.object([
            ("ok", faults(findings) == 0 ? "true" : "false"),
            ("findings", JSONText.array(findings.map(object))),
        ]) + "\n"
    }

    private static func lines(_ finding: Finding) -> String {
        let line = "\(label(finding.level))  \(finding.check): \(finding.text)\n"
        return line + (finding.remedy.map { "       → \($0)\n" } ?? "")
    }

    private static func label(_ level: Finding.Level) -> String {
        switch level {
        case .ok: ANSIStyle.good.applied(to: "ok   ")
        case .note: ANSIStyle.warning.applied(to: "note ")
        case .fault: ANSIStyle.bad.applied(to: "FAULT")
        }
    }

    private static func object(_ finding: Finding) -> String {
        JSONText.object([
            ("check", JSONText.string(finding.check)),
            ("level", JSONText.string(finding.level.rawValue)),
            ("text", JSONText.string(finding.text)),
            ("remedy", finding.remedy.map { JSONText.string($0) } ?? "null"),
        ])
    }
}
