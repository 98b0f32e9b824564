import Keyring
import RedisClient

/// Whether the nginx workers are alive, of this release, and configured as the configuration says.
struct MembershipCheck {
    /// Workers renew several times per lease; beyond this something is wrong.
    private static let silenceMilliseconds: Int64 = 5000

    private let configuration: Configuration
    private let connection: StoreConnection
    private let clock: UnixTime?

    /// - Parameter clock: The store's time.
    init(_ configuration: Configuration, _ connection: StoreConnection, clock: UnixTime?) {
        self.configuration = configuration
        self.connection = connection
        self.clock = clock
    }

    var findings: [Finding] {
        guard let membership = try? Membership(through: connection) else { return [] }
        guard !membership.members.isEmpty || !membership.unreadable.isEmpty else {
            return [
                .note(
                    "gateways",
                    "no nginx worker is running",
                    "start nginx, then run latchkey doctor again"
                )
            ]
        }
        let faults = membership.members.flatMap(faults) + membership.unreadable.map(unreadable)
        let workers = Workers(membership.members)
        return faults.isEmpty
            ? [.ok("gateways", "as configured: \(workers)")]
            : faults
    }

    private func faults(_ worker: Member) -> [Finding] {
        [
            silence(worker), version(worker), worker.isTracking ? lease(worker) : tracking(worker),
        ].compactMap { $0 }
    }

    private func name(_ worker: Member) -> String {
        "nginx worker \(worker.host) (process \(worker.processID))"
    }

    private func silence(_ worker: Member) -> Finding? {
        guard let clock else { return nil }
        let age = clock.milliseconds - worker.heartbeatAt.milliseconds
        let trust = Int64(clamping: worker.trustMilliseconds)
        if age < -Self.silenceMilliseconds {
            return .fault(
                "gateways.clock",
                "the clock of \(name(worker)) is \(-age) ms ahead of the store's",
                "synchronize both with a time server"
            )
        }
        guard age > Self.silenceMilliseconds else { return nil }
        let isOver = age > trust
        return .fault(
            "gateways.silent",
            "\(name(worker)) has not renewed its membership for \(age) ms, or its clock is behind",
            isOver
                ? "if it has ended, the next change removes its membership"
                : "changes wait for it; if it has ended: redis-cli HDEL latchkey:gateways \(worker.id)"
        )
    }

    private func version(_ worker: Member) -> Finding? {
        worker.version == Release.version
            ? nil
            : .fault(
                "gateways.version",
                "\(name(worker)) runs release \(worker.version), this is \(Release.version)",
                "install the same release on both, and reload nginx"
            )
    }

    private func tracking(_ worker: Member) -> Finding {
        .fault(
            "gateways.tracking",
            "\(name(worker)) receives no invalidations: it reads the store for every check, each change "
                + "waits \(worker.leaseMilliseconds) ms for it, and open requests end up to "
                + "\(worker.leaseMilliseconds) ms late",
            "see its error log; the store must allow CLIENT TRACKING and SUBSCRIBE: "
                + "docs/OPERATIONS.md"
        )
    }

    private func lease(_ worker: Member) -> Finding? {
        let isSame =
            worker.leaseMilliseconds == configuration.leaseMilliseconds
            && worker.graceMilliseconds == configuration.graceMilliseconds
        return isSame
            ? nil
            : .fault(
                "gateways.lease",
                "\(name(worker)) has a lease of \(worker.leaseMilliseconds) ms and a grace of "
                    + "\(worker.graceMilliseconds) ms; the configuration says "
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
