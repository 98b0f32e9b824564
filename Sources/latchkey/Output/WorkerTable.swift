import Administration
import Keyring

/// The gateways as they are shown.
enum WorkerTable {
    private static let header = [
        "HOST", "PROCESS", "VERSION", "TRACKING", "LEASE", "GRACE", "HEARTBEAT", "CACHED",
    ]

    static func text(
        _ fleet: Membership,
        now: UnixTime = SystemClock.unixTime(),
        isTerminal: Bool = ANSIStyle.isTerminal(1)
    ) -> String {
        guard !fleet.entries.isEmpty || !isTerminal else {
            return fleet.unreadable.isEmpty ? "No nginx worker is running.\n" : ""
        }
        return Table.text(
            header: header,
            rows: fleet.entries.map { row($0, now) },
            isTerminal: isTerminal
        )
    }

    static func json(_ fleet: Membership) -> String {
        JSONText.array(fleet.entries.map(object)) + "\n"
    }

    private static func row(_ gateway: Member, _ now: UnixTime) -> [String] {
        [
            gateway.host, String(gateway.processID), gateway.version,
            gateway.isTracking ? "on" : "off",
            TimeText.span(milliseconds: gateway.leaseMilliseconds),
            TimeText.span(milliseconds: gateway.graceMilliseconds),
            TimeText.ago(gateway.heartbeatAt, now: now), String(gateway.recordsCached),
        ]
    }

    private static func object(_ gateway: Member) -> String {
        JSONText.object([
            ("id", JSONText.string(gateway.id.description)),
            ("host", JSONText.string(gateway.host)),
            ("pid", String(gateway.processID)),
            ("version", JSONText.string(gateway.version)),
            ("tracking", String(gateway.isTracking)),
            ("lease_ms", String(gateway.leaseMilliseconds)),
            ("grace_ms", String(gateway.graceMilliseconds)),
            ("heartbeat_at", JSONText.string(TimeText.rfc3339(gateway.heartbeatAt))),
            ("cached_records", String(gateway.recordsCached)),
        ])
    }
}
