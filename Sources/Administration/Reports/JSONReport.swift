import Keyring

/// What programs read about a key and its organization. Members may be added; none is renamed or removed.
public enum JSONReport {
    /// The members of a key's status.
    public static func members(of status: KeyStatus) -> [(name: String, value: String)] {
        let key = status.record.key
        let lastUse: UnixTime? = if case .at(let time) = status.lastUse { time } else { nil }
        return [
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
        ]
    }

    /// An array of audit entries.
    public static func audit(_ lines: [AuditLine]) -> String {
        JSONText.array(lines.map(object))
    }

    /// A moment (RFC 3339), or `null`.
    public static func time(_ time: UnixTime?) -> String {
        time.map { JSONText.string(TimeText.rfc3339($0)) } ?? "null"
    }

    private static func object(_ line: AuditLine) -> String {
        JSONText.object([
            ("at", time(line.at)),
            ("what", JSONText.string(line.action)),
            ("who", JSONText.string(line.principal)),
            ("via", JSONText.string(line.account)),
            ("from", line.address.map { JSONText.string($0) } ?? "null"),
            ("new_owner", line.newOwner.map { JSONText.string($0) } ?? "null"),
            ("outcome", JSONText.string(line.isRefused ? "refused" : "done")),
        ])
    }

    private static func delay(_ delay: KeyStatus.LastUseDelay) -> String {
        switch delay {
        case .none: "0"
        case .milliseconds(let behind): "\(behind / 1000)"
        case .unknown: "null"
        }
    }
}
