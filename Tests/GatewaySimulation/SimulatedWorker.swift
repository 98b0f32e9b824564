import KeyFormat
import Keyring
import RedisClient

@testable import Gateway

/// A worker process of nginx: the real gatekeeper on an event loop.
///
/// A turn of the loop handles its events in any order and then drives the gatekeeper, as the module
/// does. The process may be stopped and resumed between any two events.
final class SimulatedWorker {
    enum Life {
        case running
        /// Accepts no new requests; ends once the last check is answered.
        case retiring
        /// Sends its last uses and leaves the membership list.
        case draining
        case gone
    }

    /// An event of the loop.
    enum Event {
        case link(Int)
        case request(Credential, [UInt8])
        /// A client disconnects before its answer.
        case abort
        /// A client closes its open request.
        case departure
    }

    struct Link {
        var wire: Wire?
        var isOpen = false
    }

    /// As long as the module lets a worker drain.
    private static let drainMax = Nanoseconds.milliseconds(1000)

    let number: Int
    let clock: MachineClock
    let configuration: Configuration
    let gatekeeper: Gatekeeper
    let timeline: Timeline
    let network: Network
    let judge: Judge
    let habits: WorkerHabits
    let flaw: Flaw?
    let locators: [String: Locator]

    var life = Life.running
    private(set) var hasBeenReady = false
    var requests: [UInt: OpenRequest] = [:]
    var checks: [UInt: Check] = [:]
    var lastRequest: UInt = 0
    /// The last decision about each key.
    var decisions: [Int: Decision] = [:]

    var links: [Link] = []
    let startedAt: Nanoseconds
    private var events: [Event] = []
    private var isAwake = false
    private var stops = 0
    private var onResume: (() -> Void)?
    private var timer = 0
    var trustedUntil: Nanoseconds = 0
    var trustingSince: Nanoseconds = 0
    var auditedAt: Nanoseconds = 0
    var reachingSince: Nanoseconds = 0
    var cachedVersions: [String: UInt64] = [:]

    init(
        _ number: Int,
        _ configuration: Configuration,
        secrets: GatewaySecrets,
        at machine: Machine,
        organizations: [Organization],
        network: Network,
        judge: Judge,
        flaw: Flaw?
    ) {
        self.number = number
        self.configuration = configuration
        clock = machine.clock
        habits = machine.habits
        self.network = network
        self.judge = judge
        self.flaw = flaw
        timeline = judge.timeline
        startedAt = judge.timeline.now
        links = Self.noLinks(configuration)
        locators = Dictionary(uniqueKeysWithValues: organizations.map { ($0.name, $0.locator) })
        gatekeeper = Gatekeeper(
            configuration,
            secrets: secrets,
            identity: .init(
                number: timeline.chance.next(),
                host: "host",
                processID: UInt64(number),
                generator: Chance(seed: timeline.chance.next())
            )
        )
        #if CANARIES
            if let flaw { gatekeeper.omit(flaw.omitted) }
        #endif
        wake()
    }

    var now: ClockReading { clock.reading(at: timeline.now) }
    var isAlive: Bool { life != .gone }

    /// How long cached records decide without the store, in the world's time.
    var leaseSpan: Nanoseconds { span(configuration.leaseMilliseconds) }

    /// The same, with the grace.
    var trustSpan: Nanoseconds {
        span(configuration.leaseMilliseconds + configuration.graceMilliseconds)
    }

    /// The longest time until it reads a changed record while it holds its lease.
    var readingSpan: Nanoseconds {
        2 * leaseSpan + span(configuration.timeoutMilliseconds) + .milliseconds(300)
    }

    /// The interval in which it reads the records of open requests while it reaches the store.
    var noticeSpan: Nanoseconds { leaseSpan == 0 ? span(1000) : leaseSpan }

    /// The longest time until it notices a change by reading those records.
    var watchingSpan: Nanoseconds {
        2 * noticeSpan + span(configuration.timeoutMilliseconds) + .milliseconds(300)
    }

    private func span(_ milliseconds: UInt64) -> Nanoseconds {
        milliseconds == 0 ? 0 : clock.span(milliseconds * 1_000_000) + 5000
    }
}

extension SimulatedWorker: CustomStringConvertible {
    var description: String { "worker \(number)" }
}

// MARK: - The process

extension SimulatedWorker {
    /// SIGSTOP, and SIGCONT after a while.
    func stop(for span: Nanoseconds) {
        timeline.log("\(self) is stopped for \(span / 1_000_000) ms")
        stops += 1
        timeline.after(span) { [weak self] in self?.resume() }
    }

    private func resume() {
        stops -= 1
        guard stops == 0, let continuation = onResume else { return }
        onResume = nil
        continuation()
    }

    var isStopped: Bool { stops > 0 }

    /// Kills the process. The store is not notified if the machine fails with it.
    func die(isNotified: Bool) {
        timeline.log("\(self) dies")
        for link in links {
            guard let wire = link.wire else { continue }
            if !isNotified { wire.up.breakOff() }
            wire.close()
        }
        leave()
    }

    /// Begins a graceful end.
    func retire() {
        guard life == .running else { return }
        timeline.log("\(self) retires")
        life = .retiring
        for request in requests.values { gatekeeper.closeStream(request.stream) }
        requests = [:]
        wake()
    }

    private func drain() {
        life = .draining
        gatekeeper.finish(now)
        timeline.after(Self.drainMax) { [weak self] in self?.endDrain() }
    }

    private func endDrain() {
        guard life == .draining else { return }
        timeline.log("\(self) has ended")
        for link in links { link.wire?.close() }
        leave()
    }

    private func leave() {
        life = .gone
        checks = [:]
        requests = [:]
        links = Self.noLinks(configuration)
    }

    /// As many as the gatekeeper numbers.
    private static func noLinks(_ configuration: Configuration) -> [Link] {
        let count =
            switch configuration.topology {
            case .standalone: 2
            case .sentinel(let url): 2 + url.sentinels.count
            case .cluster: Int(SeedLinks.firstLink) + SeedLinks.count
            }
        return Array(repeating: Link(), count: count)
    }
}

// MARK: - A turn of the event loop

extension SimulatedWorker {
    func enqueue(_ event: Event) {
        guard isAlive else { return }
        events.append(event)
        wake()
    }

    func wake() {
        guard !isAwake else { return }
        isAwake = true
        timeline.after(habits.delay(&timeline.chance)) { [weak self] in self?.turn() }
    }

    private func turn() {
        let shuffled = events.shuffled(using: &timeline.chance)
        events = []
        process(shuffled[...])
    }

    private func process(_ pending: ArraySlice<Event>) {
        guard isAlive else { return }
        guard !isStopped else {
            onResume = { [weak self] in self?.process(pending) }
            return
        }
        guard let first = pending.first else {
            finishTurn()
            isAwake = false
            if !events.isEmpty { wake() }
            return
        }
        handle(first)
        let rest = pending.dropFirst()
        guard habits.pauses(&timeline.chance) else { return process(rest) }
        timeline.after(habits.delay(&timeline.chance)) { [weak self] in self?.process(rest) }
    }

    private func handle(_ event: Event) {
        switch event {
        case .link(let number): readLink(number)
        case .request(let credential, let text): begin(credential, text)
        case .abort: abort()
        case .departure: depart()
        }
    }

    /// Drives the gatekeeper at the end of a turn, as the module does.
    private func finishTurn() {
        var deadline = MonotonicTime.never
        repeat {
            deadline = gatekeeper.tick(now)
            noteDecisions()
            deliverDecisions()
        } while carryOutOrders()
        if links.count > 2 { noteVersions() }
        if gatekeeper.probe.isStoreReady { hasBeenReady = true }
        for check in checks.values where check.deadline <= now.monotonic {
            timeline.fail("\(self): a check is not answered in time")
        }
        if gatekeeper.waitingCount != checks.count {
            timeline.fail("\(self): \(gatekeeper.waitingCount) checks wait, not \(checks.count)")
        }
        auditRequests()
        setTimer(deadline)
        if life == .retiring, checks.isEmpty {
            drain()
            finishTurn()
        } else if life == .draining, gatekeeper.unconfirmedCount == 0 {
            endDrain()
        }
    }

    private func setTimer(_ deadline: MonotonicTime) {
        timer += 1
        guard deadline != .never else { return }
        let (current, now) = (timer, timeline.now)
        let span = max(clock.time(of: deadline), now) - now
        // nginx counts in milliseconds and rounds up.
        timeline.after((span / 1_000_000 + 1) * 1_000_000) { [weak self] in
            guard let self, timer == current else { return }
            wake()
        }
    }
}
