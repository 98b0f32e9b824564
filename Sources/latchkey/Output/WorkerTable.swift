import Administration
import Keyring

/// Formats the list of nginx workers.
enum WorkerTable {
    static let header = [
        "HOST", "PROCESS", "VERSION", "TRACKING", "LEASE", "GRACE", "ID",
    ]

    static func text(
        _ membership: Membership,
        isTerminal: Bool = ANSIStyle.isTerminal(1)
    ) -> String {
        guard !membership.members.isEmpty || !isTerminal else {
            return membership.unreadable.isEmpty ? "No nginx worker is running.\n" : ""
        }
        return Table.text(
            header: header,
            rows: membership.members.map(row),
            isTerminal: isTerminal
        )
    }

    static func json(_ membership: Membership) -> String {
        JSONText.array(membership.members.map(object)) + "\n"
    }

    static func row(_ worker: Member) -> [String] {
        [
            worker.host, String(worker.processID), worker.version,
            worker.isTracking ? "on" : "off",
            TimeText.span(milliseconds: worker.leaseMilliseconds),
            TimeText.span(milliseconds: worker.graceMilliseconds), worker.id.description,
        ]
    }

    private static func object(_ worker: Member) -> String {
        JSONText.object(
            [
                ("id", JSONText.string(worker.id.description)),
                ("host", JSONText.string(worker.host)),
                ("pid", String(worker.processID)),
                ("version", JSONText.string(worker.version)),
                ("tracking", String(worker.isTracking)),
                ("lease_ms", String(worker.leaseMilliseconds)),
                ("grace_ms", String(worker.graceMilliseconds)),
            ] + (worker.witnesses.map { [("witnesses", JSONText.string($0))] } ?? [])
        )
    }
}
