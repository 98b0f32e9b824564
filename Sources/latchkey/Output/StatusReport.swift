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
        let key = status.record.key
        let lastUse: UnixTime? = if case .at(let time) = status.lastUse { time } else { nil }
        return JSONText.object([
            ("organization", JSONText.string(status.record.organization.name)),
            ("status", JSONText.string(key == nil ? "none" : "active")),
            ("locator", JSONText.string(status.record.organization.locator.description)),
            ("last_used_at", time(lastUse)),
            ("last_used_delay_seconds", delay(status.lastUseDelay)),
            ("created_at", time(key?.createdAt)),
            ("created_by", key.map { JSONText.string($0.createdBy.name) } ?? "null"),
            ("expires_at", time(key?.expiresAt)),
            ("previous_key_until", time(status.previousUntil)),
            ("rotation_due", status.rotationDueSince == nil ? "false" : "true"),
            ("refused_uses", String(status.refusedUses?.count ?? 0)),
            ("last_refused_at", time(status.refusedUses?.lastAt)),
        ]) + "\n"
    }

    private static func delay(_ delay: KeyStatus.LastUseDelay) -> String {
        switch delay {
        case .none: "0"
        case .milliseconds(let behind): "\(behind / 1000)"
        case .unknown: "null"
        }
    }

    private static func time(_ time: UnixTime?) -> String {
        time.map { JSONText.string(TimeText.rfc3339($0)) } ?? "null"
    }

    private static func table(_ lines: [(String, String)]) -> String {
        lines.map { name, value in
            "\(name):" + String(repeating: " ", count: max(1, 14 - name.utf8.count - 1)) + value
                + "\n"
        }.joined()
    }
}
