import KeyFormat
import Keyring
import RedisClient

/// Whether the nginx workers are alive, of this release, and configured as the configuration says.
struct MembershipCheck {
    private let configuration: Configuration
    private let channel: any StoreChannel

    init(_ configuration: Configuration, _ channel: any StoreChannel) {
        self.configuration = configuration
        self.channel = channel
    }

    var findings: [Finding] {
        guard let membership = try? Membership(through: channel) else { return [] }
        guard !membership.members.isEmpty || !membership.unreadable.isEmpty else {
            return [
                .note(
                    "gateways",
                    "no nginx worker is running",
                    "start nginx, then run latchkey doctor again"
                )
            ]
        }
        let silent = silentMembers
        let faults =
            membership.members.flatMap { self.faults($0, silent) }
            + membership.suspects.map(suspect) + membership.unreadable.map(unreadable)
        let workers = Workers(membership.members)
        return faults.isEmpty
            ? [.ok("gateways", "as configured: \(workers)")]
            : faults
    }

    private var silentMembers: Set<Member.ID>? {
        var generator = SystemRandomNumberGenerator()
        let id = SignalID(at: SystemClock.unixTime(), using: &generator)
        return FleetInquiry(channel, clock: SystemClock())
            .silence(after: Signal(.flush, about: .nobody, id: id))?.members
    }

    private func faults(_ worker: Member, _ silent: Set<Member.ID>?) -> [Finding] {
        [
            silence(worker, silent), version(worker), sentinels(worker),
            worker.isTracking ? lease(worker) : tracking(worker),
        ].compactMap { $0 }
    }

    private func name(_ worker: Member) -> String {
        "nginx worker \(worker.host) (process \(worker.processID))"
    }

    private func silence(_ worker: Member, _ silent: Set<Member.ID>?) -> Finding? {
        silent?.contains(worker.id) == true && worker.isTracking
            ? .fault(
                "gateways.silent",
                "\(name(worker)) does not respond",
                "see its error log; if it has ended, the next change waits for its lease and removes it"
            ) : nil
    }

    private func suspect(_ suspect: Suspect) -> Finding {
        .note(
            "gateways.silent",
            "\(name(suspect.member)) did not acknowledge a change, and was taken off the list",
            "if it is alive it has registered anew; changes wait for what it had cached"
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

    private func sentinels(_ worker: Member) -> Finding? {
        worker.witnesses == configuration.witnesses
            ? nil
            : .fault(
                "gateways.sentinels",
                "\(name(worker)) lets other sentinels name the primary than this configuration: if it does not "
                    + "acknowledge a change, nobody knows how long it goes on",
                "use the same latchkey_store on all hosts, and reload nginx"
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
        let lease = configuration.trustMilliseconds - configuration.graceMilliseconds
        let isSame =
            worker.leaseMilliseconds == lease
            && worker.graceMilliseconds == configuration.graceMilliseconds
        return isSame
            ? nil
            : .fault(
                "gateways.lease",
                "\(name(worker)) has a lease of \(worker.leaseMilliseconds) ms and a grace of "
                    + "\(worker.graceMilliseconds) ms; the configuration says "
                    + "\(lease) ms and \(configuration.graceMilliseconds) ms",
                "reload nginx, and use the same configuration on all hosts"
            )
    }

    private func unreadable(_ name: String) -> Finding {
        .fault(
            "gateways.unreadable",
            "member \(name) of latchkey:{gateways} cannot be read: changes cannot be confirmed",
            "redis-cli HDEL latchkey:{gateways} \(name)"
        )
    }
}
