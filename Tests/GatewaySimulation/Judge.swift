import Gateway
import Keyring

/// Compares what workers decide with what was promised.
final class Judge {
    let timeline: Timeline
    var ledger = Ledger()

    /// When the store last carried out a command of each worker's.
    private var served: [Int: Nanoseconds] = [:]

    /// Whether nothing goes wrong in this world, so that nothing may be unavailable either.
    let isCalm: Bool

    private(set) var counts = Counts()

    /// What was decided, and how often: a world in which nothing happens proves nothing.
    struct Counts {
        var allowed: [Decision.Source: Int] = [:]
        var revoked = 0
        var expired = 0
        var unavailable = 0
        var madeUp = 0
        var endedRequests = 0

        /// Whether everything has happened at least once.
        var isRich: Bool {
            [.cache, .store, .grace].allSatisfy { allowed[$0, default: 0] > 0 } && revoked > 0
                && expired > 0 && unavailable > 0 && madeUp > 0 && endedRequests > 0
        }

        static func += (left: inout Counts, right: Counts) {
            left.allowed.merge(right.allowed, uniquingKeysWith: +)
            left.revoked += right.revoked
            left.expired += right.expired
            left.unavailable += right.unavailable
            left.madeUp += right.madeUp
            left.endedRequests += right.endedRequests
        }
    }

    init(_ timeline: Timeline, isCalm: Bool) {
        self.timeline = timeline
        self.isCalm = isCalm
    }

    func noteServed(_ worker: Int) { served[worker] = timeline.now }

    /// For how long the store has not carried out anything for a worker.
    func silence(of worker: SimulatedWorker) -> Nanoseconds {
        timeline.now - (served[worker.number] ?? 0)
    }

    /// Judges the answer to a check.
    func judge(_ decision: Decision, _ check: Check, by worker: SimulatedWorker) {
        guard let made = check.decision else {
            return timeline.broke("\(worker): an answer that nobody has made")
        }
        timeline.tell("\(worker): \(describe(check)) is \(decision.result), \(decision.source)")
        guard case .issued(let key) = check.credential else {
            counts.madeUp += 1
            if decision.result != .forged, decision.result != .malformed {
                timeline.broke("\(worker): a made-up key is \(decision.result)")
            }
            return
        }
        switch decision.result {
        case .allowed: judgeAllowed(decision, key, check, made, worker)
        case .revoked: judgeRevoked(decision, key, check, made, worker)
        case .expired:
            counts.expired += 1
            judgeRefusal(decision, made, worker)
            let window = window(of: decision.source, check, made, worker)
            if !ledger.wasExpired(key, in: window, at: made.unix) {
                timeline.broke("\(worker): \(ledger.name(key)) is expired, and is not")
            }
        case .unavailable:
            counts.unavailable += 1
            if isCalm, worker.hasBeenReady {
                timeline.broke("\(worker): unavailable, though nothing goes wrong")
            }
        case .malformed, .forged:
            timeline.broke("\(worker): \(ledger.name(key)) is not believed to be issued here")
        }
    }

    private func describe(_ check: Check) -> String {
        guard case .issued(let key) = check.credential else { return "a made-up key" }
        return ledger.name(key)
    }

    /// The time of which a decision may speak: what the store said since the check began, or what it
    /// had said within the lease.
    private func window(
        of source: Decision.Source,
        _ check: Check,
        _ made: Check.Made,
        _ worker: SimulatedWorker
    ) -> ClosedRange<Nanoseconds> {
        switch source {
        case .none, .store: check.begunAt...made.at
        case .cache: made.at - min(made.at, worker.leaseSpan)...made.at
        case .grace: made.at - min(made.at, worker.trustSpan)...made.at
        }
    }
}

// MARK: - What was promised

extension Judge {
    private func judgeAllowed(
        _ decision: Decision,
        _ key: Int,
        _ check: Check,
        _ made: Check.Made,
        _ worker: SimulatedWorker
    ) {
        counts.allowed[decision.source, default: 0] += 1
        let name = ledger.name(key)
        if decision.organization?.name != ledger.keys[key].organization {
            timeline.broke("\(worker): \(name) opens another organization")
        }
        if let end = ledger.keys[key].end, end.step < check.begunStep,
            end.until.map({ $0 <= check.begunUnix }) ?? true
        {
            timeline.broke(
                "G1: \(worker): \(name) is allowed after its end was confirmed, \(decision.source)"
            )
        }
        let window = window(of: decision.source, check, made, worker)
        if !ledger.wasAccepted(key, in: window, at: made.unix) {
            timeline.broke(
                "\(worker): \(name) is allowed, \(decision.source), and has not counted for too long"
            )
        }
        judgeTrust(decision, made, worker)
        if let remembered = made.remembered, ledger.versionMax(of: key) < remembered {
            timeline.broke("\(worker): \(name) is allowed by a record older than a known one")
        }
    }

    /// G2: without the store, what is known counts for the lease and the grace, and no longer.
    private func judgeTrust(_ decision: Decision, _ made: Check.Made, _ worker: SimulatedWorker) {
        switch decision.source {
        case .cache where worker.leaseSpan == 0:
            timeline.broke("\(worker): a strict gateway decides by what it knows")
        case .cache where made.silence > worker.leaseSpan,
            .grace where made.silence > worker.trustSpan:
            timeline.broke(
                "G2: \(worker): \(decision.source) after \(made.silence) ns without the store"
            )
        default: break
        }
    }

    private func judgeRevoked(
        _ decision: Decision,
        _ key: Int,
        _ check: Check,
        _ made: Check.Made,
        _ worker: SimulatedWorker
    ) {
        counts.revoked += 1
        judgeRefusal(decision, made, worker)
        var window = window(of: decision.source, check, made, worker)
        if let confirmedAt = ledger.keys[key].confirmedAt, confirmedAt < check.begunAt {
            window = max(window.lowerBound, confirmedAt)...window.upperBound
        }
        if !ledger.wasRefused(key, in: window, at: made.unix) {
            timeline.broke("\(worker): \(ledger.name(key)) is refused, and counts")
        }
    }
}

// MARK: - Refusals

extension Judge {
    /// What is beyond its lease refuses nobody.
    private func judgeRefusal(_ decision: Decision, _ made: Check.Made, _ worker: SimulatedWorker) {
        guard decision.source != .store, !made.isTrusted else { return }
        timeline.broke("\(worker): \(decision.result) by a record beyond its lease")
    }
}

// MARK: - Open requests

extension Judge {
    /// A worker ends an open request.
    func judgeEnd(of request: OpenRequest, by worker: SimulatedWorker) {
        counts.endedRequests += 1
        let unix = worker.now.unix
        if !ledger.wasRefused(request.key, in: request.since...timeline.now, at: unix) {
            timeline.broke(
                "\(worker): a request with \(ledger.name(request.key)) is ended, and counts"
            )
        }
    }

    /// A worker looks for keys that have ended by themselves several times a second.
    private static let expiryMilliseconds: Int64 = 300

    /// All has been calm for long enough.
    func judgeOpen(_ request: OpenRequest, at worker: SimulatedWorker) {
        let key = ledger.keys[request.key]
        guard !ledger.isOutdated(key.organization) else { return }
        let now = timeline.now...timeline.now
        let unix = worker.now.unix.milliseconds - Self.expiryMilliseconds
        if !ledger.wasAccepted(request.key, in: now, at: UnixTime(milliseconds: unix)) {
            timeline.broke("\(worker): a request with \(ledger.name(request.key)) is still open")
        }
    }

    /// A worker could have heard of all changes for a while: they have been heeded within a span.
    func judgeOpen(
        _ request: OpenRequest,
        at worker: SimulatedWorker,
        within span: Nanoseconds,
        since couldHear: Nanoseconds
    ) {
        let organization = ledger.keys[request.key].organization
        let latest = ledger.latest(organization)
        guard !ledger.isOutdated(organization),
            !latest.accepted.contains(where: { $0.key == request.key })
        else { return }
        let since = max(latest.from, couldHear, request.openedAt)
        if timeline.now - since > span {
            timeline.broke("\(worker): a request with \(ledger.name(request.key)) goes on")
        }
    }

    /// When a decision's truth may begin.
    func since(_ decision: Decision, _ check: Check, _ worker: SimulatedWorker) -> Nanoseconds {
        guard let made = check.decision else { return check.begunAt }
        return window(of: decision.source, check, made, worker).lowerBound
    }
}
