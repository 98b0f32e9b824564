import Gateway
import Keyring

/// Workers, a store, administrators, the network between them, and what goes wrong: everything that
/// happens is drawn from the seed.
///
/// A world begins with keys for all organizations. Then requests come, keys are changed and faults
/// happen. At last the faults stop, the world has a while to recover, and then all has to be well.
final class World {
    let scenario: Scenario
    let flaw: Flaw?
    let timeline: Timeline
    let judge: Judge
    let store: ModelRedis
    let network: Network
    private let weather: Weather
    let secrets: WorldSecrets
    let organizations: [Organization]
    let places: [Place]
    let administratorClock: MachineClock

    /// Whether no new faults and changes begin.
    private(set) var isEnding = false
    var counts = Counts()
    var copies: [RecordCopy] = []

    /// Of each organization, a key that was issued here and of which the store has never heard.
    var strayKeys: [String: Int] = [:]

    init(_ scenario: Scenario, story: Story = Story(), flaw: Flaw? = nil) throws {
        self.scenario = scenario
        self.flaw = flaw
        timeline = Timeline(seed: scenario.seed, story: story)
        judge = Judge(timeline, isCalm: scenario.isCalm)
        // Whoever counts listeners makes up for much that is wrong with the list of gateways.
        store = ModelRedis(timeline, tellsListeners: flaw == nil)
        weather = Weather(
            delayMax: scenario.delayMax,
            stallMax: scenario.stallMax,
            stallPercent: scenario.stallPercent
        )
        network = Network(timeline, store, weather, isLocal: scenario.isLocal)
        secrets = try WorldSecrets()
        organizations = Self.names.prefix(scenario.organizations).map { Organization($0)! }
        administratorClock = MachineClock(&timeline.chance)
        places = (0..<scenario.workers).map { [timeline] _ in
            Place(
                clock: MachineClock(&timeline.chance),
                habits: WorkerHabits(delayMax: scenario.workerDelayMax)
            )
        }
    }

    private static let names = ["acme", "umbrella", "initech", "hooli", "globex", "soylent"]

    /// What has happened, by which it is seen that a world is no idle one.
    struct Counts {
        var clients = 0
        var changesUnderWay = 0
        var confirmed = 0
        var unconfirmed = 0
    }
}

/// A machine on which one worker runs at a time.
final class Place {
    let clock: MachineClock
    let habits: WorkerHabits
    var worker: SimulatedWorker?

    init(clock: MachineClock, habits: WorkerHabits) {
        self.clock = clock
        self.habits = habits
    }

    /// The worker, where one runs.
    var running: SimulatedWorker? { worker?.life == .running ? worker : nil }
}

// MARK: - From the beginning to the end

extension World {
    /// Runs the world until all is well, or a promise was broken.
    func run() {
        watchStore()
        timeline.tell("\(scenario)")
        for organization in organizations { begin(organization) }
        for place in places {
            startWorker(at: place)
            awaitRequest(at: place)
        }
        timeline.run(until: timeline.now + leaseSpan / 4)
        weather.isCalm = false
        awaitChange()
        awaitFault()
        timeline.after(scenario.length) { [self] in isEnding = true }
        timeline.run(until: .max) { isEnding && counts.changesUnderWay == 0 }
        recover()
        ask()
        change()
        closeBooks()
    }

    var leaseSpan: Nanoseconds { .milliseconds(scenario.leaseMilliseconds) }

    /// The longest that any worker may trust what it knows.
    var trustSpan: Nanoseconds {
        .milliseconds(scenario.leaseMilliseconds + scenario.graceMilliseconds)
    }

    /// The faults stop. What is broken has to be noticed, and made anew.
    private func recover() {
        timeline.tell("the faults stop")
        network.heal()
        store.recover()
        for place in places {
            place.habits.hurry()
            timeline.run(until: .max) { place.worker?.isOn ?? true }
            if place.running == nil { startWorker(at: place) }
        }
        timeline.run(until: timeline.now + leaseSpan + recoverySpan)
    }

    /// A lost connection is noticed within a timeout, and made anew within the longest pause and
    /// another timeout.
    private var recoverySpan: Nanoseconds {
        .milliseconds(2 * scenario.timeoutMilliseconds + 1000) + 2 * scenario.stallMax
    }

    /// Every valid key is allowed everywhere, and a second time by what is known.
    private func ask() {
        timeline.tell("all has to be well")
        for place in places {
            guard let worker = place.running else { continue }
            for organization in organizations { ask(worker, organization) }
        }
    }

    /// A key that ends while it is asked for may be refused, so none such is asked for.
    private func ask(_ worker: SimulatedWorker, _ organization: Organization) {
        let end = worker.now.unix.advanced(byMilliseconds: 1200)
        guard !judge.ledger.isOutdated(organization.name),
            let key = judge.ledger.activeKey(organization.name, at: end),
            let text = judge.ledger.keys[key].text
        else { return }
        for round in 0..<2 {
            worker.decisions[key] = nil
            worker.notice(.request(.issued(key), text))
            timeline.run(until: timeline.now + .milliseconds(600)) { worker.decisions[key] != nil }
            guard let decision = worker.decisions[key], decision.result == .allowed
            else { return timeline.broke("\(worker): a valid key is not allowed in a calm world") }
            if round > 0, !scenario.isStrict, decision.source != .cache {
                timeline.broke("\(worker): nothing is trusted in a calm world")
            }
        }
    }

    /// A change is confirmed, and requests end with their keys.
    private func change() {
        guard !timeline.isOver, let organization = timeline.chance.element(of: organizations),
            !judge.ledger.isOutdated(organization.name)
        else { return }
        let confirmed = counts.confirmed
        change(organization, isHurried: false)
        if counts.confirmed == confirmed {
            timeline.broke("a change is not confirmed in a calm world")
        }
        timeline.run(until: timeline.now + recoverySpan)
    }

    private func closeBooks() {
        guard !timeline.isOver else { return }
        for place in places {
            for request in place.worker?.requests.values ?? [:].values {
                if let worker = place.worker { judge.judgeOpen(request, at: worker) }
            }
        }
    }
}
