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

    private struct Link {
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
    private let habits: WorkerHabits
    private let flaw: Flaw?
    private let locators: [String: Locator]

    private(set) var life = Life.running
    private(set) var hasBeenReady = false
    private(set) var requests: [UInt: OpenRequest] = [:]
    private var checks: [UInt: Check] = [:]
    private var lastRequest: UInt = 0
    /// The last decision about each key.
    var decisions: [Int: Decision] = [:]

    private var links = [Link(), Link()]
    private var happenings: [Happening] = []
    private var isAwake = false
    private var stops = 0
    private var whenOn: (() -> Void)?
    private var timer = 0
    private var remembered: [String: UInt64] = [:]

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

    private func wake() {
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
        if gatekeeper.data.link.isReady { hasBeenReady = true }
        for check in checks.values where check.deadline <= now.monotonic {
            timeline.broke("\(self): a check is not answered in time")
        }
        if gatekeeper.waitingCount != checks.count {
            timeline.broke("\(self): \(gatekeeper.waitingCount) checks wait for \(checks.count)")
        }
        setTimer(deadline)
        if life == .retiring, checks.isEmpty {
            drain()
            settle()
        } else if life == .draining, gatekeeper.isSettled {
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

// MARK: - Connections

extension SimulatedWorker {
    /// Returns whether there was an order.
    private func obey() -> Bool {
        var isBusy = false
        while let (link, order) = gatekeeper.nextOrder(now) {
            isBusy = true
            switch order {
            case .open(_): open(Int(link))
            case .close: close(Int(link))
            case .write: write(Int(link))
            }
        }
        return isBusy
    }

    private func open(_ number: Int) {
        close(number)
        let wire = network.connect(.worker(self.number))
        links[number].wire = wire
        wire.down.onArrival = { [weak self] in self?.notice(.link(number)) }
        if wire.state != .connecting { look(at: number) }
    }

    private func close(_ number: Int) {
        guard let wire = links[number].wire else { return }
        if flaw == .lateReplies, links[number].isOpen {
            wire.down.onArrival = { [weak self, weak wire] in
                if let wire { self?.takeLateReplies(wire, number) }
            }
            wire.up.end()
        } else {
            wire.close()
        }
        links[number] = Link()
    }

    /// What no driver may do: bytes of an earlier connection reach the new one.
    private func takeLateReplies(_ wire: Wire, _ number: Int) {
        let bytes = wire.down.take()
        guard isAlive, links[number].isOpen, !bytes.isEmpty else { return }
        bytes.withUnsafeBytes { gatekeeper.linkReceived(UInt32(number), $0, at: now) }
        noteDecisions()
        wake()
    }

    private func write(_ number: Int) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = buffer.withUnsafeMutableBytes({
            gatekeeper.takeOutput(link: UInt32(number), into: $0)
        }), count > 0 {
            output += buffer.prefix(count)
        }
        links[number].wire?.up.send(output)
    }

    /// Something has arrived on a connection.
    private func look(at number: Int) {
        guard let wire = links[number].wire else { return }
        if !links[number].isOpen {
            guard wire.state != .connecting else { return }
            guard wire.state == .open else { return lose(number) }
            links[number].isOpen = true
            gatekeeper.linkOpened(UInt32(number), at: now)
        }
        let bytes = wire.down.take()
        if !bytes.isEmpty {
            bytes.withUnsafeBytes { gatekeeper.linkReceived(UInt32(number), $0, at: now) }
            noteDecisions()
        }
        if wire.down.hasEnded { lose(number) }
    }

    private func lose(_ number: Int) {
        links[number].wire?.close()
        links[number] = Link()
        gatekeeper.linkClosed(UInt32(number), at: now)
        noteDecisions()
    }
}

// MARK: - Requests

extension SimulatedWorker {
    private func begin(_ credential: Credential, _ text: [UInt8]) {
        guard life == .running else { return }
        lastRequest += 1
        var check = Check(
            credential: credential,
            begunAt: timeline.now,
            begunStep: timeline.step,
            begunUnix: now.unix,
            deadline: now.monotonic.advanced(byMilliseconds: configuration.timeoutMilliseconds)
        )
        let before = Traffic(gatekeeper)
        switch gatekeeper.check(text.span, request: lastRequest, at: now) {
        case .decided(let decision):
            check.decision = made(check)
            answer(lastRequest, decision, check)
        case .waiting(let ticket):
            check.ticket = ticket
            checks[lastRequest] = check
        }
        if case .madeUp = credential, Traffic(gatekeeper) != before {
            timeline.broke("G5: \(self): a made-up key makes traffic")
        }
    }

    private func abort() {
        guard let (request, check) = checks.min(by: { $0.key < $1.key }) else { return }
        gatekeeper.cancel(ticket: check.ticket)
        checks[request] = nil
    }

    private func depart() {
        guard let (request, open) = requests.min(by: { $0.key < $1.key }) else { return }
        gatekeeper.closeStream(open.stream)
        requests[request] = nil
    }

    /// Notes when decisions were made that are handed out at the end of the turn.
    private func noteDecisions() {
        for (decided, _) in gatekeeper.decided {
            guard let check = checks[decided.request], check.decision == nil else { continue }
            checks[decided.request]?.decision = made(check)
        }
        guard configuration.cacheSize >= locators.count else { return }
        for (name, locator) in locators { remembered[name] = gatekeeper.cache.version(of: locator) }
    }

    private func made(_ check: Check) -> Check.Made {
        var version: UInt64?
        if case .issued(let key) = check.credential {
            version = remembered[judge.ledger.keys[key].organization]
        }
        return Check.Made(
            at: timeline.now,
            unix: now.unix,
            silence: judge.silence(of: self),
            remembered: version
        )
    }

    private func handOut() {
        while let (request, decision) = gatekeeper.nextDecision() {
            guard let check = checks.removeValue(forKey: request) else {
                timeline.broke("\(self): a request is answered twice, or after it has gone")
                continue
            }
            answer(request, decision, check)
        }
        while let request = gatekeeper.nextEndedStream() {
            guard let open = requests.removeValue(forKey: request) else {
                timeline.broke("\(self): a request is ended that is not open")
                continue
            }
            timeline.tell("\(self): a request with \(judge.ledger.name(open.key)) is ended")
            judge.judgeEnd(of: open, by: self)
        }
    }

    private func answer(_ request: UInt, _ decision: Decision, _ check: Check) {
        judge.judge(decision, check, by: self)
        if case .issued(let key) = check.credential { decisions[key] = decision }
        guard decision.result == .allowed, let locator = decision.locator,
            let key = decision.streamKey, case .issued(let number) = check.credential,
            habits.staysOpen(&timeline.chance)
        else { return }
        requests[request] = OpenRequest(
            key: number,
            stream: gatekeeper.openStream(request, locator, key),
            since: judge.since(decision, check, self)
        )
    }
}

/// All of a gatekeeper from which bytes for the store may come.
private struct Traffic: Equatable {
    private let hasOutput: [Bool]
    private let waiting: [Int]

    init(_ gatekeeper: Gatekeeper) {
        hasOutput = [
            gatekeeper.data.link.hasOutput, gatekeeper.news.link.hasOutput,
            gatekeeper.pending.hasUnsent, gatekeeper.usage.isEmpty, gatekeeper.refusals.isEmpty,
            gatekeeper.streams.hasDoubts,
        ]
        waiting = [gatekeeper.waitingCount, gatekeeper.cache.usesCount, gatekeeper.cache.count]
    }
}

/// How quick a worker's machine is, and what its clients like.
final class WorkerHabits {
    private var delayMax: Nanoseconds

    init(delayMax: Nanoseconds) { self.delayMax = delayMax }

    /// From now on it is quick.
    func hurry() { delayMax = min(delayMax, .microseconds(200)) }

    /// Between an event and the turn that takes it.
    func delay(_ chance: inout Chance) -> Nanoseconds { chance.number(1000...delayMax) }

    /// Whether other requests take time between two events of a turn.
    func dawdles(_ chance: inout Chance) -> Bool { chance.percent(20) }

    func staysOpen(_ chance: inout Chance) -> Bool { chance.percent(20) }
}
