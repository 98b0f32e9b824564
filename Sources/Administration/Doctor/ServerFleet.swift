import Keyring
import RedisClient

/// Whether each server that the sentinels know can be the primary, and whether a failover keeps what was
/// confirmed.
struct ServerFleet {
    private let configuration: Configuration
    private let opening: StoreOpening
    private let named: NamedPrimary?
    private let replicas: [Endpoint]
    private let reports: [Endpoint: [SentinelReport]]

    /// The most entries of a sentinel that are no servers.
    private let ghosts: Int

    init(
        _ configuration: Configuration,
        _ opening: StoreOpening,
        _ views: [SentinelView],
        _ named: NamedPrimary?
    ) {
        (self.configuration, self.opening, self.named) = (configuration, opening, named)
        var reports: [Endpoint: [SentinelReport]] = [:]
        for report in views.flatMap(\.replicas) where report.isServer {
            if let address = report.address { reports[address, default: []].append(report) }
        }
        self.reports = reports
        ghosts = views.map { $0.replicas.count { !$0.isServer } }.max() ?? 0
        replicas = reports.keys.filter { $0 != named?.primary.address }
            .sorted { $0.description < $1.description }
    }

    var findings: [Finding] {
        let primary = named.map { at($0.primary.address, standing: primaryStanding) } ?? []
        let others = replicas.flatMap { at($0, standing: replicaStanding) }
        return primary + others + [priorities, copies, copied].compactMap(\.self) + records
    }

    /// What is found at one server. All that is in order takes one line.
    private func at(_ address: Endpoint, standing: (StoreInformation) -> [Finding]) -> [Finding] {
        do throws(AdministrationError) {
            let connection = opening.connection(to: address, refusesOld: false)
            let role = address == named?.primary.address ? "the primary" : "a replica"
            return try ServerCheck(configuration, connection)
                .findings(at: address, as: role, standing)
        } catch {
            return [lost(address, error)]
        }
    }

    private func lost(_ address: Endpoint, _ error: AdministrationError) -> Finding {
        guard address != named?.primary.address else { return StoreCheck.unreachable(error) }
        return .fault(
            "store.reachable",
            "\(error.message): no change ends with exit code 0 while a replica is missing",
            "start it; if it is gone for good, SENTINEL RESET at one sentinel after the other"
        )
    }

    private func primaryStanding(_ information: StoreInformation) -> [Finding] {
        guard information.isPrimary else {
            return [
                .fault(
                    "store.role",
                    "the sentinels name it as the primary, and it says that it is a replica",
                    "during a failover, wait and run latchkey doctor again; otherwise see the sentinels' logs"
                )
            ]
        }
        let connected = information.number("connected_slaves") ?? 0
        guard connected > (named?.replicaCount ?? 0) else { return [] }
        return [
            .note(
                "store.replicas",
                "it has \(Counted(connected, "replica")), and the sentinels know \(named?.replicaCount ?? 0)",
                "sentinels learn of a new replica within 10 seconds; until then more servers must hold a change"
            )
        ]
    }

    private func replicaStanding(_ information: StoreInformation) -> [Finding] {
        guard information["role"] == "slave" else {
            return [
                .fault(
                    "store.role",
                    "the sentinels know it as a replica, and it says that it is the primary",
                    "the sentinels correct that within seconds of a failover; otherwise see their logs"
                )
            ]
        }
        guard information["master_link_status"] == "up" else {
            return [
                .fault(
                    "store.link",
                    "it is not connected to the primary: no change ends with exit code 0 until it is",
                    "see its log; with passwords, masteruser and masterauth must be set on all servers"
                )
            ]
        }
        return []
    }

    /// Sentinel promotes the replica of the lowest priority number, whatever it holds; never one of priority 0.
    private var priorities: Finding? {
        let known = reports.filter { replicas.contains($0.key) }
            .compactMapValues { $0.lazy.compactMap { $0.number("slave-priority") }.first }
        guard Set(known.values).count > 1 || known.values.contains(0) else { return nil }
        let words = known.sorted { $0.key.description < $1.key.description }
            .map { "\($0.key) has \($0.value)" }.joined(separator: ", ")
        let remedy =
            "redis-cli CONFIG SET replica-priority 100 on each, and the same in redis.conf; 0 only until a new "
            + "replica's link is up"
        guard known.values.contains(where: { $0 != 0 }) else {
            return .fault("store.priority", "no replica may become the primary: \(words)", remedy)
        }
        let text = "a failover prefers a replica by its priority, not by what it holds: \(words)"
        return isWhole
            ? .note("store.priority", text, remedy) : .fault("store.priority", text, remedy)
    }

    /// Whether all servers must hold a change.
    private var isWhole: Bool {
        guard let copies = configuration.copies, let named else { return true }
        return copies > named.replicaCount
    }

    private var copies: Finding? {
        guard let named else { return nil }
        let all = named.replicaCount + 1
        let check = "store.copies"
        if named.replicaCount == 0 {
            return .fault(
                check,
                "the sentinels know no replica: nobody can take over from the primary, and its loss is the "
                    + "records' loss",
                "add one (replicaof), and wait until the sentinels know it"
            )
        }
        let copies = configuration.copies ?? all
        if copies > all {
            return .fault(
                check,
                "latchkey_copies requires \(copies) servers, and there are \(all): no change is ever confirmed",
                "add a replica, or lower latchkey_copies"
            )
        }
        return copies == all
            ? .ok(
                check,
                "a change is confirmed once \(Counted(all, "server").have) it: all that there are"
            )
            : .note(
                check,
                "a change is confirmed once \(copies) of \(all) servers have it: a failover to another one undoes it",
                "leave latchkey_copies out, or set it to \(all)"
            )
    }

    private var copied: Finding? {
        guard ghosts > 0 else { return nil }
        return .note(
            "store.replicas",
            "the sentinels know \(Counted(ghosts, "replica")) without a port, which stands for who has copied the data "
                + "once (redis-cli --rdb): changes do not wait for it",
            "SENTINEL RESET at one sentinel after the other makes them forget it"
        )
    }

    /// What is found in the records, at the primary.
    private var records: [Finding] {
        guard let address = named?.primary.address else { return [] }
        let connection = opening.connection(to: address, refusesOld: false)
        return MembershipCheck(configuration, connection).findings
            + RecordCheck(configuration, connection).findings
            + PepperCheck(configuration, connection).findings
    }
}
