import Administration
import Keyring

/// Formats a key's status.
enum StatusReport {
    static func text(_ status: KeyStatus, now: UnixTime = SystemClock.unixTime()) -> String {
        var lines = [("Organization", status.record.organization.name)]
        guard let key = status.record.key else {
            lines.append(("Status", ANSIStyle.warning.applied(to: "No API key generated")))
            return table(lines + refused(status.refusedUses, now))
        }
        lines += [
            ("Status", ANSIStyle.good.applied(to: "Active")),
            ("Last used", TimeText.lastUse(status, now: now)),
            ("Created", "\(TimeText.ago(key.createdAt, now: now)), by \(key.createdBy)"),
            ("Expires", key.expiresAt.map { TimeText.expiry($0, now: now) } ?? "Never"),
        ]
        if let until = status.previousUntil {
            lines.append(("Previous key", "Stays valid for \(TimeText.until(until, now: now))"))
        }
        if let due = status.rotationDueSince {
            lines.append(
                (
                    "Rotation",
                    ANSIStyle.warning.applied(to: "Due \(TimeText.ago(due, now: now))")
                        + ": run \"latchkey generate \(status.record.organization)\""
                )
            )
        }
        return table(lines + refused(status.refusedUses, now))
    }

    private static func refused(_ uses: RefusedUses?, _ now: UnixTime) -> [(String, String)] {
        guard let uses else { return [] }
        let ago = TimeText.ago(uses.lastAt, now: now)
        let times = uses.count == 1 ? "once, \(ago)" : "\(uses.count) times, last \(ago)"
        return [("Refused", "Earlier keys were refused \(times)")]
    }

    static func json(_ status: KeyStatus) -> String {
        JSONText.object(JSONReport.members(of: status)) + "\n"
    }

    private static func table(_ lines: [(String, String)]) -> String {
        lines.map { name, value in
            "\(name):" + String(repeating: " ", count: max(1, 14 - name.utf8.count - 1)) + value
                + "\n"
        }.joined()
    }
}
