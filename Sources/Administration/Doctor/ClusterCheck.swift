import Keyring
import RedisClient

/// Whether the servers of a cluster agree on who holds what, can replace each other, and keep what was confirmed.
struct ClusterCheck {
    private let url: ClusterURL
    private let configuration: Configuration
    private let opening: StoreOpening
    private let group: ServerGroup
    private let store: ClusterStore

    /// - Throws: An error if the credentials, or the files for TLS, cannot be used.
    init(_ url: ClusterURL, _ configuration: Configuration, _ opening: StoreOpening)
        throws(AdministrationError)
    {
        (self.url, self.configuration, self.opening) = (url, configuration, opening)
        group = opening.inquiry()
        store = opening.cluster(url)
        store.patienceMilliseconds = 0
    }

    var findings: [Finding] {
        let survey: ClusterSurvey
        do throws(StoreConnection.Fault) {
            survey = try store.refresh()
        } catch {
            return [StoreCheck.unreachable(AdministrationError(error))]
        }
        let views = ClusterViews(
            survey,
            asked: group.ask(survey.primaries.map(\.node.address), [ClusterCommands.nodes])
        )
        return seeds + views.findings + ClusterFleet(configuration, opening, survey).findings
            + MembershipCheck(configuration, store).findings
            + RecordCheck(configuration, store).findings
            + PepperCheck(configuration, store).findings
    }

    /// The servers in the configuration that do not answer. One is enough, until it is lost as well.
    private var seeds: [Finding] {
        let answers = zip(url.servers, group.ask(url.servers, [ClusterCommands.nodes]))
        let certificates = url.servers.flatMap { server in
            CertificateCheck.findings(of: group.certificates(of: server)).map { $0.at(server) }
        }
        let faults = answers.compactMap { server, answer -> Finding? in
            guard case .failure(let fault) = answer else { return nil }
            return .fault(
                "cluster.reachable",
                AdministrationError(fault).message,
                "start it, or leave it out of latchkey_store; with all of those lost, nobody finds the others"
            )
            .at(server)
        }
        return certificates
            + (faults.isEmpty
                ? [
                    .ok(
                        "cluster.reachable",
                        "\(Counted(url.servers.count, "server").have) answered"
                    )
                ]
                : faults)
    }
}

/// What the primaries of a cluster say of the slots.
struct ClusterViews {
    private let survey: ClusterSurvey
    private let views: [(server: Endpoint, table: ClusterTable?)]

    /// - Parameter asked: What each primary of the survey replies to ``ClusterCommands/nodes``.
    init(_ survey: ClusterSurvey, asked: [Result<[RedisReply], StoreConnection.Fault>]) {
        self.survey = survey
        views = zip(survey.primaries.map(\.node.address), asked).map { server, answer in
            let reply = (try? answer.get())?.first
            return (server, reply.flatMap { try? ClusterTable($0, from: server) })
        }
    }

    var findings: [Finding] { [slots, number] + agreement + moving }

    private var slots: Finding {
        guard !survey.table.isComplete else {
            return .ok("cluster.slots", "every slot is held by a primary")
        }
        let held = survey.primaries.reduce(0) { $0 + $1.slots.count }
        return .fault(
            "cluster.slots",
            "no server holds \(Counted(Slot.count - held, "slot")): their records cannot be read",
            "start the servers that held them; see redis-cli --cluster check"
        )
    }

    private var number: Finding {
        let count = survey.primaries.count
        guard count < ClusterStore.primariesMin else {
            return .ok("cluster.primaries", "\(count) primaries hold slots")
        }
        return .fault(
            "cluster.primaries",
            "only \(Counted(count, "server").have) slots: with fewer than \(ClusterStore.primariesMin) there is no failover, "
                + "and nothing works with it",
            "give slots to a third one: redis-cli --cluster rebalance --cluster-use-empty-masters"
        )
    }

    /// During a failover or a move they differ for a moment.
    private var agreement: [Finding] {
        let faults = views.compactMap { server, table -> Finding? in
            guard let table else {
                return .fault(
                    "cluster.agreement",
                    "it does not answer, and so attests no other primary",
                    "start it, or see its log"
                )
                .at(server)
            }
            let differing = (0..<Slot.count).lazy.compactMap { Slot($0) }.first {
                table.primary(of: $0)?.node.address != survey.table.primary(of: $0)?.node.address
            }
            return differing.map { slot in
                .fault(
                    "cluster.agreement",
                    "it says that slot \(slot) belongs to another server than most do",
                    "during a failover or a move, wait and run latchkey doctor again; otherwise see redis-cli "
                        + "--cluster check"
                )
                .at(server)
            }
        }
        return faults.isEmpty
            ? [.ok("cluster.agreement", "they agree on who holds the slots")] : faults
    }

    private var moving: [Finding] {
        views.compactMap { server, table in
            guard let slots = table?.servers.first(where: \.isMyself)?.openSlots, !slots.isEmpty,
                let first = slots.first(where: { _ in true })
            else { return nil }
            let others = slots.count > 1 ? " and \(slots.count - 1) more" : ""
            return .note(
                "cluster.moving",
                "slot \(first)\(others) is being moved: changes of its organizations may have to wait",
                "if the move was abandoned: redis-cli --cluster fix"
            )
            .at(server)
        }
    }
}
