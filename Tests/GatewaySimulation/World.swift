import Gateway
import Keyring

/// Workers, a store, administrators, the network between them, and faults. Every event is drawn from the
/// seed.
///
/// A world begins with keys for all organizations. Then requests arrive, keys change and faults occur.
/// Finally the faults stop, the world has a while to recover, and then every valid key must be allowed.
final class World {
    let scenario: Scenario
    let flaw: Flaw?
    let timeline: Timeline
    let judge: Judge
    private let firstStore: ModelRedis

    /// `nil` in worlds without sentinels.
    let deployment: ModelDeployment?

    /// `nil` in worlds without a cluster.
    let cluster: ModelCluster?
    let network: Network
    private let latency: Latency
    let secrets: WorldSecrets
    let organizations: [Organization]
    let machines: [Machine]
    /// The clocks of the machines on which administrators work.
    let administratorClocks: [MachineClock]

    /// Whether no new faults and changes begin.
    private(set) var isEnding = false
    /// Whether a plot is under way.
    var hasPlot = false
    var counts = Counts()
    var copies: [RecordCopy] = []

    /// For each organization, a key that was issued here and never stored.
    var strayKeys: [String: Int] = [:]

    init(_ scenario: Scenario, story: Story = Story(), flaw: Flaw? = nil) throws {
        self.scenario = scenario
        self.flaw = flaw
        timeline = Timeline(seed: scenario.seed, story: story)
        judge = Judge(timeline, isCalm: scenario.isCalm)
        cluster = scenario.hasCluster ? Self.cluster(scenario, timeline) : nil
        if scenario.hasFailover {
            let deployment = ModelDeployment(
                timeline,
                hasThreads: scenario.hasThreads,
                span: scenario.failoverSpan,
                promotesNewest: scenario.promotesNewest
            )
            (self.deployment, firstStore) = (deployment, deployment.servers[0])
        } else {
            deployment = nil
            firstStore =
                cluster?.servers[0] ?? ModelRedis(timeline, hasThreads: scenario.hasThreads)
        }
        latency = Latency(
            delayMax: scenario.delayMax,
            stallMax: scenario.stallMax,
            stallPercent: scenario.stallPercent
        )
        network = Network(
            timeline,
            deployment?.listeners ?? cluster?.listeners ?? [firstStore],
            latency,
            isLocal: scenario.isLocal
        )
        deployment?.network = network
        cluster?.network = network
        secrets = try WorldSecrets()
        organizations = Self.names.prefix(scenario.organizations).map { Organization($0)! }
        administratorClocks = (0..<2).map { [timeline] _ in MachineClock(&timeline.chance) }
        machines = (0..<scenario.workers).map { [timeline] _ in
            Machine(
                clock: MachineClock(&timeline.chance),
                habits: WorkerHabits(scenario)
            )
        }
    }

    private static func cluster(_ scenario: Scenario, _ timeline: Timeline) -> ModelCluster {
        ModelCluster(
            timeline,
            hasThreads: scenario.hasThreads,
            span: scenario.failoverSpan,
            needsFullCoverage: timeline.chance.percent(50),
            tellsOfLostKeys: scenario.tellsOfLostKeys
        )
    }

    private static let names = ["acme", "umbrella", "initech", "hooli", "globex", "soylent"]

    /// Counts of clients and changes.
    struct Counts {
        var clients = 0
        var changesUnderWay = 0
        var confirmed = 0
        var unconfirmed = 0
    }
}

/// A machine on which one worker runs at a time.
final class Machine {
    let clock: MachineClock
    let habits: WorkerHabits
    var worker: SimulatedWorker?

    init(clock: MachineClock, habits: WorkerHabits) {
        self.clock = clock
        self.habits = habits
    }

    /// The worker, if one is running.
    var running: SimulatedWorker? { worker?.life == .running ? worker : nil }
}

// MARK: - From the beginning to the end

extension World {
    /// Runs the world to its end, or until a promise is broken.
    func run() {
        watchStore()
        timeline.log("\(scenario)")
        for organization in organizations { begin(organization) }
        for machine in machines {
            startWorker(at: machine)
            scheduleRequest(at: machine)
        }
        timeline.run(until: timeline.now + leaseSpan / 4)
        latency.isCalm = false
        scheduleChange()
        scheduleFault()
        timeline.after(scenario.length) { [self] in isEnding = true }
        timeline.run(until: .max) { isEnding && counts.changesUnderWay == 0 }
        recover()
        checkKeys()
        checkChange()
        checkOpenRequests()
    }

    /// The only server, or the primary; in a cluster, the one that holds the membership list.
    var store: ModelRedis {
        deployment?.primary ?? cluster?.primary(of: ModelRedis.membershipKey) ?? firstStore
    }

    var leaseSpan: Nanoseconds { .milliseconds(scenario.leaseMilliseconds) }

    /// The longest time for which any worker trusts its cache.
    var trustSpan: Nanoseconds {
        .milliseconds(scenario.leaseMilliseconds + scenario.graceMilliseconds)
    }

    /// Stops the faults and gives the world time to replace broken connections.
    private func recover() {
        timeline.log("the faults stop")
        network.heal()
        if let deployment {
            deployment.recover()
            timeline.run(until: timeline.now + .milliseconds(3000)) { deployment.isSettled }
            if !deployment.isSettled { timeline.fail("the replicas do not follow") }
        }
        if let cluster {
            cluster.recover()
            let end = timeline.now + .milliseconds(3000) + 10 * cluster.span
            timeline.run(until: end) { cluster.isSettled }
            if !cluster.isSettled { timeline.fail("the servers of the cluster do not agree") }
        }
        store.recover()
        for machine in machines {
            machine.habits.speedUp()
            timeline.run(until: .max) { !(machine.worker?.isStopped ?? false) }
            if machine.running == nil { startWorker(at: machine) }
        }
        timeline.run(until: timeline.now + leaseSpan + recoverySpan)
    }

    /// A lost connection is noticed within a timeout, and replaced within the longest pause and another
    /// timeout.
    var recoverySpan: Nanoseconds {
        .milliseconds(2 * scenario.timeoutMilliseconds + 1000) + 2 * scenario.stallMax
    }

    /// Every valid key is allowed by every worker, the second time by its cache.
    private func checkKeys() {
        timeline.log("every valid key has to be allowed")
        for machine in machines {
            guard let worker = machine.running else { continue }
            for organization in organizations { checkKey(of: organization, worker) }
        }
    }

    /// A key that expires soon is skipped: it may be refused.
    private func checkKey(of organization: Organization, _ worker: SimulatedWorker) {
        let end = worker.now.unix.advanced(byMilliseconds: 1200)
        guard !judge.ledger.isOutdated(organization.name),
            let key = judge.ledger.activeKey(organization.name, at: end),
            let text = judge.ledger.keys[key].text
        else { return }
        for round in 0..<2 {
            worker.decisions[key] = nil
            worker.enqueue(.request(.issued(key), text))
            timeline.run(until: timeline.now + .milliseconds(600)) { worker.decisions[key] != nil }
            guard let decision = worker.decisions[key], decision.result == .allowed
            else { return timeline.fail("\(worker): a valid key is not allowed in a calm world") }
            if round > 0, !scenario.isStrict, decision.source != .cache {
                timeline.fail("\(worker): the cache does not decide in a calm world")
            }
        }
    }

    /// A change is confirmed.
    private func checkChange() {
        guard !timeline.isOver, let organization = timeline.chance.element(of: organizations),
            !judge.ledger.isOutdated(organization.name)
        else { return }
        let confirmed = counts.confirmed
        change(organization, isHurried: false)
        if counts.confirmed == confirmed {
            timeline.fail("a change is not confirmed in a calm world")
        }
        timeline.run(until: timeline.now + recoverySpan)
    }

    /// Requests end with their keys.
    private func checkOpenRequests() {
        guard !timeline.isOver else { return }
        for machine in machines {
            for request in machine.worker?.requests.values ?? [:].values {
                if let worker = machine.worker { judge.judgeOpen(request, at: worker) }
            }
        }
    }
}
