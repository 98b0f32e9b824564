import Gateway
import Keyring

/// Compares the decisions of workers with the promises.
final class Judge {
    let timeline: Timeline
    var ledger = Ledger()

    /// When the store last executed a command of each worker.
    private var served: [Int: Nanoseconds] = [:]

    /// When another database last took the place of the store's; `nil` if none did.
    var swappedAt: Nanoseconds?

    /// Until when nobody answers for an organization whose slot was taken by force: the former holder may not know.
    var excusedUntil: [String: Nanoseconds] = [:]

    /// Until when a worker may miss what it needs: the primary, or a way to it.
    var troubledUntil: Nanoseconds = 0

    /// When the primary, or what is said of it, last changed.
    var changedAt: () -> Nanoseconds = { 0 }

    /// How long a worker may take after that to be as before; `nil` in worlds where that is not judged.
    var recoverySpan: Nanoseconds?

    /// Whether the world has no faults, so that no check may be unavailable.
    let isCalm: Bool

    var counts = Counts()

    /// How often each decision was made: a world without events proves nothing.
    struct Counts {
        var allowed: [Decision.Source: Int] = [:]
        var revoked = 0
        var expired = 0
        var unavailable = 0
        var forged = 0
        var endedRequests = 0
        var promotions = 0
        /// Changes that were confirmed, or not, once there had been a failover.
        var confirmedLater = 0
        var unconfirmedLater = 0

        /// Whether each decision was made at least once.
        var isComplete: Bool {
            [.cache, .store, .grace].allSatisfy { allowed[$0, default: 0] > 0 } && revoked > 0
                && expired > 0 && unavailable > 0 && forged > 0 && endedRequests > 0
        }

        /// Whether primaries failed, and changes were confirmed after that.
        var hasFailovers: Bool {
            promotions > 0 && confirmedLater > 0 && unconfirmedLater > 0 && unavailable > 0
        }

        static func += (left: inout Counts, right: Counts) {
            left.allowed.merge(right.allowed, uniquingKeysWith: +)
            left.revoked += right.revoked
            left.expired += right.expired
            left.unavailable += right.unavailable
            left.forged += right.forged
            left.endedRequests += right.endedRequests
            left.promotions += right.promotions
            left.confirmedLater += right.confirmedLater
            left.unconfirmedLater += right.unconfirmedLater
        }
    }

    init(_ timeline: Timeline, isCalm: Bool) {
        self.timeline = timeline
        self.isCalm = isCalm
    }

    func noteServed(_ worker: Int) { served[worker] = timeline.now }

    /// How long ago the store executed the last command of a worker.
    func silence(of worker: SimulatedWorker) -> Nanoseconds {
        timeline.now - (served[worker.number] ?? 0)
    }

    /// Judges the answer to a check.
    func judge(_ decision: Decision, _ check: Check, by worker: SimulatedWorker) {
        guard let context = check.context else {
            return timeline.fail("\(worker): an answer without a decision")
        }
        timeline.log("\(worker): \(describe(check)) is \(decision.result), \(decision.source)")
        guard case .issued(let key) = check.credential else {
            counts.forged += 1
            if decision.result != .forged, decision.result != .malformed {
                timeline.fail("\(worker): a forged key is \(decision.result)")
            }
            return
        }
        switch decision.result {
        case .allowed: judgeAllowed(decision, key, check, context, worker)
        case .revoked: judgeRevoked(decision, key, check, context, worker)
        case .expired:
            counts.expired += 1
            judgeRefusal(decision, context, worker)
            let window = window(of: decision.source, check, context, worker)
            if !ledger.wasExpired(key, in: window, at: context.unix) {
                timeline.fail(
                    "\(worker): \(ledger.name(key)) is refused as expired, but has not expired"
                )
            }
        case .unavailable:
            counts.unavailable += 1
            if isCalm, worker.hasBeenReady {
                timeline.fail("\(worker): unavailable in a world without faults")
            }
            judgeUnavailable(check, worker)
        case .malformed, .forged:
            timeline.fail(
                "\(worker): \(ledger.name(key)) was issued here and is refused as \(decision.result)"
            )
        }
    }

    private func describe(_ check: Check) -> String {
        guard case .issued(let key) = check.credential else { return "a forged key" }
        return ledger.name(key)
    }

    /// When a decision may have been true: since the check began if the store decided, or within the
    /// lease if the cache did. That another database is in place is noticed at the next heartbeat.
    private func window(
        of source: Decision.Source,
        _ check: Check,
        _ context: Check.Context,
        _ worker: SimulatedWorker
    ) -> ClosedRange<Nanoseconds> {
        let begin =
            switch source {
            case .none, .store: check.begunAt
            case .cache: context.at - min(context.at, worker.leaseSpan)
            case .grace: context.at - min(context.at, worker.trustSpan)
            }
        guard let swappedAt, (swappedAt...swappedAt + worker.watchingSpan).contains(context.at)
        else {
            return begin...context.at
        }
        return min(begin, swappedAt - 1)...context.at
    }
}

// MARK: - Promises

extension Judge {
    private func judgeAllowed(
        _ decision: Decision,
        _ key: Int,
        _ check: Check,
        _ context: Check.Context,
        _ worker: SimulatedWorker
    ) {
        counts.allowed[decision.source, default: 0] += 1
        let name = ledger.name(key)
        if decision.organization?.name != ledger.keys[key].organization {
            timeline.fail("\(worker): \(name) is allowed for another organization")
        }
        let excusedUntil = excusedUntil[ledger.keys[key].organization] ?? 0
        if excusedUntil < check.begunAt, let end = ledger.keys[key].end, end.step < check.begunStep,
            end.until.map({ $0 <= check.begunUnix }) ?? true
        {
            timeline.fail(
                "G1: \(worker): \(name) is allowed after its end was confirmed, \(decision.source)"
            )
        }
        let window = window(of: decision.source, check, context, worker)
        if !ledger.wasAccepted(key, in: window, at: context.unix) {
            timeline.fail(
                "\(worker): \(name) is allowed, \(decision.source), and ended too long ago"
            )
        }
        judgeTrust(decision, context, worker)
        // Versions of different primaries say nothing of each other.
        if let cachedVersion = context.cachedVersion, counts.promotions == 0,
            ledger.versionMax(of: key) < cachedVersion
        {
            timeline.fail("\(worker): \(name) is allowed by a record older than the cached one")
        }
    }

    /// G2: without the store, cached records decide for the lease and the grace, and no longer.
    private func judgeTrust(
        _ decision: Decision,
        _ context: Check.Context,
        _ worker: SimulatedWorker
    ) {
        switch decision.source {
        case .cache where worker.leaseSpan == 0:
            timeline.fail("\(worker): a strict worker decides by its cache")
        case .cache where context.silence > worker.leaseSpan,
            .grace where context.silence > worker.trustSpan:
            timeline.fail(
                "G2: \(worker): \(decision.source) after \(context.silence) ns without the store"
            )
        default: break
        }
    }

    private func judgeRevoked(
        _ decision: Decision,
        _ key: Int,
        _ check: Check,
        _ context: Check.Context,
        _ worker: SimulatedWorker
    ) {
        counts.revoked += 1
        judgeRefusal(decision, context, worker)
        var window = window(of: decision.source, check, context, worker)
        if let confirmedAt = ledger.keys[key].confirmedAt, confirmedAt < check.begunAt {
            window = max(window.lowerBound, confirmedAt)...window.upperBound
        }
        if !ledger.wasRefused(key, in: window, at: context.unix) {
            timeline.fail("\(worker): \(ledger.name(key)) is refused but valid")
        }
    }
}

// MARK: - Without a decision

extension Judge {
    /// G3: no check goes without a decision while a primary is named that can be reached.
    private func judgeUnavailable(_ check: Check, _ worker: SimulatedWorker) {
        guard let recoverySpan, worker.hasBeenReady, case .issued(let key) = check.credential,
            !ledger.latest(ledger.keys[key].organization).accepted.isEmpty
        else { return }
        let calmSince = max(troubledUntil, changedAt(), worker.startedAt) + recoverySpan
        if calmSince < check.begunAt {
            timeline.fail("G3: \(worker): unavailable although a primary is named")
        }
    }
}

// MARK: - Refusals

extension Judge {
    /// A record beyond its lease refuses no key.
    private func judgeRefusal(
        _ decision: Decision,
        _ context: Check.Context,
        _ worker: SimulatedWorker
    ) {
        guard decision.source != .store, !context.isTrusted else { return }
        timeline.fail("\(worker): \(decision.result) by a record beyond its lease")
    }
}

// MARK: - Open requests

extension Judge {
    /// Judges the end of an open request.
    func judgeEnd(of request: OpenRequest, by worker: SimulatedWorker) {
        counts.endedRequests += 1
        let unix = worker.now.unix
        if !ledger.wasRefused(request.key, in: request.since...timeline.now, at: unix) {
            timeline.fail(
                "\(worker): a request with \(ledger.name(request.key)) is ended but valid"
            )
        }
    }

    /// A worker looks for expired keys several times a second.
    private static let expiryMilliseconds: Int64 = 300

    /// Judges an open request after the faults have stopped for long enough.
    func judgeOpen(_ request: OpenRequest, at worker: SimulatedWorker) {
        let key = ledger.keys[request.key]
        guard !ledger.isOutdated(key.organization) else { return }
        let now = timeline.now...timeline.now
        let unix = worker.now.unix.milliseconds - Self.expiryMilliseconds
        if !ledger.wasAccepted(request.key, in: now, at: UnixTime(milliseconds: unix)) {
            timeline.fail("\(worker): a request with \(ledger.name(request.key)) is still open")
        }
    }

    /// Judges an open request of a worker that could notice every change since a moment: it has to end
    /// within a span.
    func judgeOpen(
        _ request: OpenRequest,
        at worker: SimulatedWorker,
        within span: Nanoseconds,
        since noticingSince: Nanoseconds
    ) {
        let organization = ledger.keys[request.key].organization
        let latest = ledger.latest(organization)
        guard !ledger.isOutdated(organization),
            !latest.accepted.contains(where: { $0.key == request.key })
        else { return }
        var since = max(latest.from, noticingSince, request.openedAt)
        if changedAt() > 0 { since = max(since, changedAt() + 2 * worker.trustSpan) }
        let excusedUntil = excusedUntil[organization] ?? 0
        guard excusedUntil < timeline.now else { return }
        since = max(since, excusedUntil)
        if timeline.now > since + span {
            timeline.fail(
                "\(worker): a request with \(ledger.name(request.key)) is open for too long"
            )
        }
    }

    /// The earliest moment at which a decision may have been true.
    func since(_ decision: Decision, _ check: Check, _ worker: SimulatedWorker) -> Nanoseconds {
        guard let context = check.context else { return check.begunAt }
        return window(of: decision.source, check, context, worker).lowerBound
    }
}
