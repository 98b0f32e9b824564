import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper does with invalidations and signals.
extension Gatekeeper {
    func handle(_ arrival: InvalidationLink.Arrival, _ now: ClockReading) {
        switch arrival {
        case .started: trackingStarted(now)
        case .lost(let failure): trackingLost(failure, now)
        case .invalidated(let locator): invalidate(locator)
        case .invalidatedAll: invalidateAll(now)
        case .signal(let signal): handle(signal, now)
        case .answered: answered(now)
        }
    }

    private func trackingStarted(_ now: ClockReading) {
        metrics.invalidation.connected()
        log.note(
            .trackingStarted,
            now.monotonic,
            "the store at \(node.name) sends invalidations"
        )
        if obligations.keeps(.emptyCacheOnTracking) { cache.invalidateAll(of: node.number) }
        forgetVersions()
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        node.lease.trackingStarted()
        renewLease()
        streams.markAllStale()
        streams.postponeWatch(now.monotonic)
        node.invalidations.renewNow(now.monotonic)
        membership.renewNow(now.monotonic)
    }

    private func trackingLost(_ failure: LinkFailure, _ now: ClockReading) {
        metrics.invalidation.disconnected()
        if node.lease.isTracking { streams.watchNow(now.monotonic) }
        node.lease.trackingLost()
        renewLease()
        checks.readUnproven()
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        guard failure != .replaced else { return }
        log.note(
            .trackingLost,
            now.monotonic,
            "the store at \(node.name) does not send invalidations: \(failure)"
        )
    }

    private func invalidate(_ locator: Locator) {
        metrics.invalidations &+= 1
        cache.invalidate(locator)
        if obligations.keeps(.racingReplyIsNotCached) { checks.invalidateInFlight(locator) }
        streams.markStale(locator)
    }

    /// The membership list may be gone together with the records.
    private func invalidateAll(_ now: ClockReading) {
        metrics.flushes &+= 1
        forgetAll()
        forgetVersions()
        membership.listLost(now.monotonic)
        term.reset()
        renewLease()
    }

    /// Nothing that was read before is known any more.
    func forgetAll() {
        cache.invalidateAllNodes()
        checks.invalidateAllInFlight()
        streams.markAllStale()
    }

    /// A PING was answered. Where nothing is proven yet, the next one follows at once.
    private func answered(_ now: ClockReading) {
        let proven = node.invalidations.pings.proven
        if proven.number > 0 {
            node.lease.isCurrent(at: proven.sentAt)
            renewLease()
        } else {
            node.invalidations.renewNow(now.monotonic)
        }
        guard isStrict else { return }
        let number = node.invalidations.pings.provenNumber
        checks.prove(upTo: number, at: now.monotonic) { decideProven($0, now) }
    }

    private func handle(_ signal: Signal, _ now: ClockReading) {
        switch signal.kind {
        case .barrier: acknowledgeBarrier(signal, now)
        case .flush: flush(signal, now)
        }
    }

    /// All invalidations before the barrier have been handled, in order: nothing older is cached.
    private func acknowledgeBarrier(_ signal: Signal, _ now: ClockReading) {
        guard node.lease.isTracking, node.data.isReady else { return }
        acknowledge(signal, now)
        guard recentBarriers.insert(signal.id) else { return }
        metrics.barriersAcknowledged &+= 1
        if let delay = signal.id.ageMilliseconds(at: now.unix) {
            metrics.changeDelays.add(nanoseconds: delay * 1_000_000)
        }
    }

    /// Writes the uses of one organization, then acknowledges that they were written.
    private func flush(_ signal: Signal, _ now: ClockReading) {
        guard node.data.isReady else { return }
        for (command, purpose) in uses.flush(signal.locator) {
            send(command, purpose, now.monotonic)
        }
        acknowledge(signal, now)
    }

    private func acknowledge(_ signal: Signal, _ now: ClockReading) {
        for command in signal.acknowledge(by: membership.id) {
            send(command, .acknowledgement, now.monotonic)
        }
    }
}
