import KeyFormat
import Keyring
import RedisClient

@testable import Gateway

/// A worker process of nginx: the real gatekeeper on an event loop.
///
/// A turn of the loop takes what has happened, in any order, and settles the gatekeeper at its end,
/// as the module does. The process may be stopped and go on, between any two steps.
final class SimulatedWorker {
    enum Life {
        case running
        /// Takes no new requests; ends when the last one has been answered.
        case retiring
        /// Says what the store is still to hear.
        case draining
        case gone
    }

    /// What a turn of the loop has to look at.
    enum Happening {
        case link(Int)
        case request(Credential, [UInt8])
        /// A client goes away without its answer.
        case abort
        /// A client goes away from an open request.
        case departure
    }

    struct Link {
        var wire: Wire?
        var isOpen = false
    }

    /// As long as the module lets a worker drain.
    private static let drainMax = Nanoseconds.milliseconds(250)

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

    var links = [Link(), Link()]
    private var happenings: [Happening] = []
    private var isAwake = false
    private var stops = 0
    private var whenOn: (() -> Void)?
    private var timer = 0
    var trustedUntil: Nanoseconds = 0
    var trustingSince: Nanoseconds = 0
    var auditedAt: Nanoseconds = 0
    var reachingSince: Nanoseconds = 0
    var remembered: [String: UInt64] = [:]

    init(
        _ number: Int,
        _ configuration: Configuration,
        secrets: GatewaySecrets,
        at place: Place,
        organizations: [Organization],
        network: Network,
        judge: Judge,
        flaw: Flaw?
    ) {
        self.number = number
        self.configuration = configuration
        clock = place.clock
        habits = place.habits
        self.network = network
        self.judge = judge
        self.flaw = flaw
        timeline = judge.timeline
        locators = Dictionary(uniqueKeysWithValues: organizations.map { ($0.name, $0.locator) })
        gatekeeper = Gatekeeper(
            configuration,
            secrets: secrets,
            identity: .init(
                number: timeline.chance.next(),
                host: "host",
                processID: UInt64(number)
            )
        )
        #if CANARIES
            if case .omission(let obligation) = flaw { gatekeeper.omit(obligation) }
        #endif
        wake()
    }

    var now: ClockReading { clock.reading(at: timeline.now) }
    var isAlive: Bool { life != .gone }

    /// How long what it knows counts without the store, in the world's time.
    var leaseSpan: Nanoseconds { span(configuration.leaseMilliseconds) }

    /// The same, with the grace.
    var trustSpan: Nanoseconds {
        span(configuration.leaseMilliseconds + configuration.graceMilliseconds)
    }

    /// How long it may take at most, while it trusts what it knows, to read a record that has changed.
    var readingSpan: Nanoseconds {
        2 * leaseSpan + span(configuration.timeoutMilliseconds) + .milliseconds(300)
    }

    /// How long it may take at most, while it reaches the store, to notice a change unasked.
    var noticeSpan: Nanoseconds { leaseSpan == 0 ? span(1000) : leaseSpan }

    /// The same, with the reading.
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
        timeline.tell("\(self) is stopped for \(span / 1_000_000) ms")
        stops += 1
        timeline.after(span) { [weak self] in self?.goOn() }
    }

    private func goOn() {
        stops -= 1
        guard stops == 0, let continuation = whenOn else { return }
        whenOn = nil
        continuation()
    }

    /// Whether it is not stopped.
    var isOn: Bool { stops == 0 }

    /// Ends without another word; its machine may go with it, so that nobody is told.
    func die(isHeard: Bool) {
        timeline.tell("\(self) dies")
        for link in links {
            guard let wire = link.wire else { continue }
            if !isHeard { wire.up.breakOff() }
            wire.close()
        }
        leave()
    }

    /// A graceful end.
    func retire() {
        guard life == .running else { return }
        timeline.tell("\(self) is to end")
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
        timeline.tell("\(self) has ended")
        for link in links { link.wire?.close() }
        leave()
    }

    private func leave() {
        life = .gone
        checks = [:]
        requests = [:]
        links = [Link(), Link()]
    }
}

// MARK: - A turn of the event loop

extension SimulatedWorker {
    func notice(_ happening: Happening) {
        guard isAlive else { return }
        happenings.append(happening)
        wake()
    }

    func wake() {
        guard !isAwake else { return }
        isAwake = true
        timeline.after(habits.delay(&timeline.chance)) { [weak self] in self?.turn() }
    }

    private func turn() {
        let happened = happenings.shuffled(using: &timeline.chance)
        happenings = []
        goThrough(happened[...])
    }

    private func goThrough(_ happenings: ArraySlice<Happening>) {
        guard isAlive else { return }
        guard isOn else {
            whenOn = { [weak self] in self?.goThrough(happenings) }
            return
        }
        guard let first = happenings.first else {
            settle()
            isAwake = false
            if !self.happenings.isEmpty { wake() }
            return
        }
        handle(first)
        let rest = happenings.dropFirst()
        guard habits.dawdles(&timeline.chance) else { return goThrough(rest) }
        timeline.after(habits.delay(&timeline.chance)) { [weak self] in self?.goThrough(rest) }
    }

    private func handle(_ happening: Happening) {
        switch happening {
        case .link(let number): look(at: number)
        case .request(let credential, let text): begin(credential, text)
        case .abort: abort()
        case .departure: depart()
        }
    }

    /// What the module does at the end of each turn.
    private func settle() {
        var deadline = MonotonicTime.never
        repeat {
            deadline = gatekeeper.tick(now)
            noteDecisions()
            handOut()
        } while obey()
        if gatekeeper.probe.isStoreReady { hasBeenReady = true }
        for check in checks.values where check.deadline <= now.monotonic {
            timeline.broke("\(self): a check is not answered in time")
        }
        if gatekeeper.waitingCount != checks.count {
            timeline.broke("\(self): \(gatekeeper.waitingCount) checks wait for \(checks.count)")
        }
        auditRequests()
        setTimer(deadline)
        if life == .retiring, checks.isEmpty {
            drain()
            settle()
        } else if life == .draining, gatekeeper.unconfirmedCount == 0 {
            endDrain()
        }
    }

    private func setTimer(_ deadline: MonotonicTime) {
        timer += 1
        guard deadline != .never else { return }
        let (current, now) = (timer, timeline.now)
        let span = max(clock.time(of: deadline), now) - now
        // nginx counts in milliseconds, and never too few.
        timeline.after((span / 1_000_000 + 1) * 1_000_000) { [weak self] in
            guard let self, timer == current else { return }
            wake()
        }
    }
}
