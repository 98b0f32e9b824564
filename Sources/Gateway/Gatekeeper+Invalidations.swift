import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper does with invalidations and signals.
extension Gatekeeper {
    func handle(_ arrival: InvalidationLink.Arrival, from place: Int, _ now: ClockReading) {
        switch arrival {
        case .started: trackingStarted(place, now)
        case .lost(let failure): trackingLost(place, failure, now)
        case .invalidated(let locator): invalidate(locator, from: place, now.monotonic)
        case .invalidatedAll: invalidateAll(of: place, now)
        case .signal(let signal): handle(signal, from: place, now)
        case .answered: answered(place, now)
        case .refused: checks.readUnproven(of: place)
        }
    }

    private func trackingStarted(_ place: Int, _ now: ClockReading) {
        metrics.invalidation.connected(&nodes[place].isInvalidationUp)
        log.note(
            .trackingStarted,
            now.monotonic,
            "the store at \(nodes[place].name) sends invalidations"
        )
        if obligations.keeps(.emptyCacheOnTracking) { cache.invalidateAll(of: nodes[place].number) }
        forgetVersions(place)
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        nodes[place].lease.trackingStarted()
        if cluster.isUsed {
            cluster.linkStands(place)
            hear(place, now.monotonic)
        }
        renewLease(place)
        streams.markAllStale()
        streams.postponeWatch(now.monotonic)
        nodes[place].invalidations.renewNow(now.monotonic)
        membership.renewNow(now.monotonic)
    }

    private func trackingLost(_ place: Int, _ failure: LinkFailure, _ now: ClockReading) {
        metrics.invalidation.disconnected(&nodes[place].isInvalidationUp)
        if nodes[place].lease.isTracking { streams.watchNow(now.monotonic) }
        nodes[place].lease.trackingLost()
        renewLease(place)
        if cluster.isUsed { cluster.reader.want() }
        checks.readUnproven(of: place)
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        guard failure != .replaced else { return }
        log.note(
            .trackingLost,
            now.monotonic,
            "the store at \(nodes[place].name) does not send invalidations: \(failure)"
        )
    }

    private func invalidate(_ locator: Locator, from place: Int, _ now: MonotonicTime) {
        metrics.invalidations &+= 1
        cache.invalidate(locator)
        if obligations.keeps(.racingReplyIsNotCached) { checks.invalidateInFlight(locator) }
        streams.markStale(locator)
        guard cluster.isUsed else { return }
        let slot = CollectionOfOne(Slot(of: locator))
        told(of: slot, by: place, after: cluster.reader.asked, now)
    }

    /// The membership list may be gone together with the records.
    private func invalidateAll(of place: Int, _ now: ClockReading) {
        metrics.flushes &+= 1
        forgetAll(of: place)
        forgetVersions(place)
        if cluster.listPlace == place { listLost(now.monotonic) }
        renewLeases()
    }

    /// This worker's entry may be gone, or it stands where nobody looks.
    func listLost(_ now: MonotonicTime) {
        membership.listLost(now)
        term.reset()
    }

    /// Nothing that was read from a node before is known any more.
    private func forgetAll(of place: Int) {
        guard cluster.isUsed else { return forgetAll() }
        for number in nodes[place].numbers { cache.invalidateAll(of: number) }
        checks.invalidateAllInFlight()
        streams.markAllStale()
    }

    /// Nothing that was read before is known any more.
    func forgetAll() {
        cache.invalidateAllNodes()
        checks.invalidateAllInFlight()
        streams.markAllStale()
    }

    /// A PING was answered. Where nothing is proven yet, the next one follows at once.
    private func answered(_ place: Int, _ now: ClockReading) {
        let proven = nodes[place].invalidations.pings.proven
        if proven.number > 0 {
            nodes[place].lease.isCurrent(at: proven.sentAt)
            renewLease(place)
        } else {
            nodes[place].invalidations.renewNow(now.monotonic)
        }
        guard isStrict else { return }
        let number = nodes[place].invalidations.pings.provenNumber
        checks.prove(upTo: number, of: place, at: now.monotonic) { decideProven($0, now) }
    }

    private func handle(_ signal: Signal, from place: Int, _ now: ClockReading) {
        switch signal.kind {
        case .barrier: acknowledgeBarrier(signal, from: place, now)
        case .flush: flush(signal, from: place, now.monotonic)
        }
    }

    /// All invalidations before the barrier have been handled, in order: nothing older is cached, unless it is of a former
    /// primary, whose successor may have told before the link stood.
    private func acknowledgeBarrier(_ signal: Signal, from place: Int, _ now: ClockReading) {
        guard nodes[place].lease.isTracking, nodes[place].data.isReady, cluster.isHeard(place),
            !cluster.isUsed || !nodes[place].lease.holdsFormer
        else { return }
        acknowledge(signal, to: place, now.monotonic)
        guard recentBarriers.insert(signal.id) else { return }
        metrics.barriersAcknowledged &+= 1
        if let delay = signal.id.ageMilliseconds(at: now.unix) {
            metrics.changeDelays.add(nanoseconds: delay * 1_000_000)
        }
    }

    func acknowledge(_ signal: Signal, to place: Int, _ now: MonotonicTime) {
        for command in signal.acknowledge(by: membership.id) {
            send(command, .acknowledgement, to: place, now)
        }
    }
}
