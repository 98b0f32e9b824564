import Keyring
import RedisClient

/// Whether each server of a cluster keeps what was confirmed, follows its primary, and is set for both programs.
struct ClusterFleet {
    private let configuration: Configuration
    private let opening: StoreOpening
    private let survey: ClusterSurvey

    init(_ configuration: Configuration, _ opening: StoreOpening, _ survey: ClusterSurvey) {
        (self.configuration, self.opening, self.survey) = (configuration, opening, survey)
    }

    var findings: [Finding] {
        let servers = survey.table.servers.sorted {
            $0.node.address.description < $1.node.address.description
        }
        return servers.flatMap(examine) + copies
    }

    private func examine(_ server: ClusterServer) -> [Finding] {
        let address = server.node.address
        do throws(AdministrationError) {
            let connection = opening.connection(to: address, .node, refusesOld: false)
            let check = try ServerCheck(configuration, connection)
            let role =
                server.isPrimary
                ? "a primary with \(Counted(server.slots.count, "slot"))" : "a replica"
            return check.findings(at: address, as: role) { standing(server, $0) }
                + settings(check.settings, check.information).map { $0.at(address) }
        } catch {
            return [
                .fault(
                    "store.reachable",
                    "\(error.message): no change of its records ends with exit code 0 while it is missing",
                    "start it; if it is gone for good, CLUSTER FORGET \(server.node.id) at every other server"
                )
                .at(address)
            ]
        }
    }

    private func standing(_ server: ClusterServer, _ information: StoreInformation) -> [Finding] {
        guard information.isPrimary == server.isPrimary else {
            return [
                .fault(
                    "store.role",
                    "the others take it for a \(server.isPrimary ? "primary" : "replica"), and it says that it is none",
                    "during a failover, wait and run latchkey doctor again; otherwise see the servers' logs"
                )
            ]
        }
        if !server.isPrimary, information["master_link_status"] != "up" {
            return [
                .fault(
                    "store.link",
                    "it is not connected to its primary: no change of its records ends with exit code 0 until it is",
                    "see its log; with passwords, masteruser and masterauth must be set on all servers"
                )
            ]
        }
        return []
    }

    private func settings(_ settings: StoreSettings, _ information: StoreInformation?) -> [Finding]
    {
        [
            readsWhenDown(settings), coverage(settings), election(settings), timeout(settings),
            takeover(information),
        ]
        .compactMap(\.self)
    }

    private func readsWhenDown(_ settings: StoreSettings) -> Finding? {
        guard settings["cluster-allow-reads-when-down"] == "yes" else { return nil }
        return .fault(
            "cluster.reads",
            "it answers reads when it has lost sight of most others (cluster-allow-reads-when-down yes): gateways may "
                + "go on with keys that were revoked elsewhere",
            "redis-cli CONFIG SET cluster-allow-reads-when-down no, and the same in redis.conf"
        )
    }

    private func coverage(_ settings: StoreSettings) -> Finding? {
        guard settings["cluster-require-full-coverage"] == "yes" else { return nil }
        return .note(
            "cluster.coverage",
            "while one slot has no primary, it serves none at all (cluster-require-full-coverage yes): a failover of "
                + "one shard interrupts all",
            "redis-cli CONFIG SET cluster-require-full-coverage no, and the same in redis.conf"
        )
    }

    private func election(_ settings: StoreSettings) -> Finding? {
        guard settings["cluster-replica-no-failover"] == "yes" else { return nil }
        return .fault(
            "cluster.failover",
            "it never takes over from its primary (cluster-replica-no-failover yes)",
            "redis-cli CONFIG SET cluster-replica-no-failover no, and the same in redis.conf"
        )
    }

    /// A lost primary is a witness of the others until another one has taken over.
    private func timeout(_ settings: StoreSettings) -> Finding? {
        guard let span = settings["cluster-node-timeout"].flatMap({ UInt64($0) }),
            configuration.trustMilliseconds / 3 < span
        else { return nil }
        return .note(
            "cluster.timeout",
            "a failover takes up to three times cluster-node-timeout (\(span) ms), and gateways trust their caches for "
                + "\(configuration.trustMilliseconds) ms: cached keys get 503 for the rest",
            "raise latchkey_outage_grace, or lower cluster-node-timeout"
        )
    }

    private func takeover(_ information: StoreInformation?) -> Finding? {
        guard let information, information.isOlder(than: (7, 2)) else { return nil }
        return .note(
            "cluster.takeover",
            "if a slot is taken from it by force (CLUSTER SETSLOT alone, without moving the keys), it tells nobody: gateways "
                + "notice within a second",
            "move slots by redis-cli --cluster, or install Redis 7.2 or newer"
        )
    }

    private var copies: [Finding] {
        let counts = survey.primaries.map { ($0, survey.table.replicas(of: $0).count + 1) }
        let alone = counts.filter { $0.1 == 1 }.map { $0.0.node.address.description }.sorted()
        var findings: [Finding] = []
        if !alone.isEmpty {
            findings.append(
                .fault(
                    "store.copies",
                    "nobody can take over from \(alone.joined(separator: ", ")): its loss is the loss of its records",
                    "add a replica: redis-cli --cluster add-node … --cluster-slave"
                )
            )
        }
        guard let wanted = configuration.copies else {
            if alone.isEmpty {
                findings.append(
                    .ok(
                        "store.copies",
                        "a change is confirmed once all servers of its shard have it"
                    )
                )
            }
            return findings
        }
        return findings + counts.compactMap { copies(wanted, $1)?.at($0.node.address) }
    }

    private func copies(_ wanted: Int, _ all: Int) -> Finding? {
        if wanted == all { return nil }
        return wanted > all
            ? .fault(
                "store.copies",
                "latchkey_copies requires \(wanted) servers, and its shard has \(all): no change of its records is ever confirmed",
                "add a replica, or lower latchkey_copies"
            )
            : .note(
                "store.copies",
                "a change is confirmed once \(wanted) of \(all) servers have it: a failover to another one undoes it",
                "leave latchkey_copies out, or set it to \(all)"
            )
    }
}
