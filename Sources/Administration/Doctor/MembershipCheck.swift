import Keyring
import RedisClient

/// Whether the gateways live, are of this release, and go by the configuration as it is now.
struct MembershipCheck {
    /// Entries are written several times a lease; beyond this something is wrong.
    private static let silenceMilliseconds: Int64 = 5000

    private let configuration: Configuration
    private let connection: StoreConnection
    private let clock: UnixTime?

    /// - Parameter clock: The store's time, just now.
    init(_ configuration: Configuration, _ connection: StoreConnection, clock: UnixTime?) {
        self.configuration = configuration
        self.connection = connection
        self.clock = clock
    }

    var findings: [Finding] {
        guard let fleet = try? Membership(through: connection) else { return [] }
        guard !fleet.entries.isEmpty || !fleet.unreadable.isEmpty else {
            return [
                .note(
                    "gateways",
                    "no nginx worker is running",
                    "start nginx, then run latchkey doctor again"
                )
            ]
        }
        let faults = fleet.entries.flatMap(faults) + fleet.unreadable.map(unreadable)
        let workers = Workers(fleet.entries)
        return faults.isEmpty
            ? [.ok("gateways", "as configured: \(workers)")]
            : faults
    }

    private func faults(_ gateway: Member) -> [Finding] {
        [
            silence(gateway), version(gateway), gateway.isTracking ? terms(gateway) : deaf(gateway),
        ].compactMap { $0 }
    }

    private func name(_ gateway: Member) -> String {
        "nginx worker \(gateway.host) (process \(gateway.processID))"
    }

    private func silence(_ gateway: Member) -> Finding? {
        guard let clock else { return nil }
        let age = clock.milliseconds - gateway.heartbeatAt.milliseconds
        let trust = Int64(clamping: gateway.trustMilliseconds)
        if age < -Self.silenceMilliseconds {
            return .fault(
                "gateways.clock",
                "the clock of \(name(gateway)) is \(-age) ms ahead of the store's",
                "synchronize both with a time server"
            )
        }
        guard age > Self.silenceMilliseconds else { return nil }
        let isOver = age > trust
        return .fault(
            "gateways.silent",
            "\(name(gateway)) has not renewed its membership for \(age) ms, or its clock is behind",
            isOver
                ? "if it has ended, the next change removes its membership"
                : "changes wait for it; if it has ended: redis-cli HDEL latchkey:gateways \(gateway.id)"
        )
    }

    private func version(_ gateway: Member) -> Finding? {
        gateway.version == Release.version
            ? nil
            : .fault(
                "gateways.version",
                "\(name(gateway)) runs release \(gateway.version), this is \(Release.version)",
                "install the same release on both, and reload nginx"
            )
    }

    private func deaf(_ gateway: Member) -> Finding {
        .fault(
            "gateways.tracking",
            "\(name(gateway)) receives no invalidations: it reads the store for every check, each change "
                + "waits \(gateway.leaseMilliseconds) ms for it, and open requests end up to "
                + "\(gateway.leaseMilliseconds) ms late",
            "see its error log; the store must allow CLIENT TRACKING and SUBSCRIBE: "
                + "docs/OPERATIONS.md"
        )
    }

    private func terms(_ gateway: Member) -> Finding? {
        let isSame =
            gateway.leaseMilliseconds == configuration.leaseMilliseconds
            && gateway.graceMilliseconds == configuration.graceMilliseconds
        return isSame
            ? nil
            : .fault(
                "gateways.lease",
                "\(name(gateway)) has a lease of \(gateway.leaseMilliseconds) ms and a grace of "
                    + "\(gateway.graceMilliseconds) ms; the configuration says "
                    + "\(configuration.leaseMilliseconds) ms and \(configuration.graceMilliseconds) ms",
                "reload nginx, and use the same configuration on all hosts"
            )
    }

    private func unreadable(_ name: String) -> Finding {
        .fault(
            "gateways.unreadable",
            "member \(name) of latchkey:gateways cannot be read: changes cannot be confirmed",
            "redis-cli HDEL latchkey:gateways \(name)"
        )
    }
}
