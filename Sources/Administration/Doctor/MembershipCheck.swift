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
            return [.note("gateways", "no gateway is running", "start nginx, and look again")]
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
        "the gateway \(gateway.host) (process \(gateway.processID))"
    }

    private func silence(_ gateway: Member) -> Finding? {
        guard let clock else { return nil }
        let age = clock.milliseconds - gateway.heartbeatAt.milliseconds
        let trust = Int64(clamping: gateway.trustMilliseconds)
        if age < -Self.silenceMilliseconds {
            return .fault(
                "gateways.clock",
                "the clock of \(name(gateway)) is \(-age) ms ahead of the store's",
                "let both follow a time server"
            )
        }
        guard age > Self.silenceMilliseconds else { return nil }
        let isOver = age > trust
        return .fault(
            "gateways.silent",
            "\(name(gateway)) has not been heard of for \(age) ms, or its clock is behind",
            isOver
                ? "where it has ended, its entry goes with the next change"
                : "changes wait for it; where it has ended: redis-cli HDEL latchkey:gateways \(gateway.id)"
        )
    }

    private func version(_ gateway: Member) -> Finding? {
        gateway.version == Release.version
            ? nil
            : .fault(
                "gateways.version",
                "\(name(gateway)) runs release \(gateway.version), this one is \(Release.version)",
                "install the same release on both, and reload nginx"
            )
    }

    private func deaf(_ gateway: Member) -> Finding {
        .fault(
            "gateways.tracking",
            "\(name(gateway)) gets no invalidations: it asks the store for every check, each change "
                + "waits \(gateway.leaseMilliseconds) ms for it, and open requests end up to "
                + "\(gateway.leaseMilliseconds) ms late",
            "its error log says why; the store must allow CLIENT TRACKING and SUBSCRIBE: "
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
                    + "\(gateway.graceMilliseconds) ms, the configuration others",
                "reload nginx, and let all machines have the same configuration"
            )
    }

    private func unreadable(_ name: String) -> Finding {
        .fault(
            "gateways.unreadable",
            "the entry \(name) of latchkey:gateways cannot be read: changes cannot be confirmed",
            "redis-cli HDEL latchkey:gateways \(name)"
        )
    }
}
