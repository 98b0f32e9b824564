import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper handles invalidations and signals.
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
            cluster.invalidationLinkStarted(place)
            requestSlots(of: place, now.monotonic)
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
        if cluster.isUsed { cluster.reader.requestMap() }
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
        slotsReported(slot, by: place, after: cluster.reader.lastQuery, now)
    }

    /// All records of a node may have changed, and the membership list may be gone with them.
    private func invalidateAll(of place: Int, _ now: ClockReading) {
        metrics.flushes &+= 1
        if obligations.keeps(.emptyCacheOnFlush) { invalidateCache(of: place) }
        forgetVersions(place)
        if cluster.listPlace == place { listLost(now.monotonic) }
        renewLeases()
    }

    /// This worker's entry may be gone, or in a list that no change reads.
    func listLost(_ now: MonotonicTime) {
        membership.listLost(now)
        term.reset()
    }

    /// Invalidates all records of a node, and the reads in flight.
    private func invalidateCache(of place: Int) {
        guard cluster.isUsed else { return invalidateCache() }
        for number in nodes[place].numbers { cache.invalidateAll(of: number) }
        checks.invalidateAllInFlight()
        streams.markAllStale()
    }

    /// Invalidates all cached records, and the reads in flight.
    func invalidateCache() {
        cache.invalidateAllNodes()
        checks.invalidateAllInFlight()
        streams.markAllStale()
    }

    /// A PING was answered. If that proves nothing yet, the next one is due at once.
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

    /// Acknowledges a barrier. All invalidations before it have been handled in order, so no older record is
    /// cached. An exception is a record of a former primary, whose successor may have sent the invalidation before
    /// the link was established. A worker that ends uses nothing that is cached.
    private func acknowledgeBarrier(_ signal: Signal, from place: Int, _ now: ClockReading) {
        guard nodes[place].data.isReady, isEnding || hasHandledInvalidations(of: place)
        else { return }
        acknowledge(signal, to: place, now.monotonic)
        guard recentBarriers.insert(signal.id) else { return }
        metrics.barriersAcknowledged &+= 1
        if let delay = signal.id.ageMilliseconds(at: now.unix) {
            metrics.changeDelays.add(nanoseconds: delay * 1_000_000)
        }
    }

    private func hasHandledInvalidations(of place: Int) -> Bool {
        nodes[place].lease.isTracking && cluster.hasReportedSlots(place)
            && !(cluster.isUsed && nodes[place].lease.holdsFormer)
    }

    /// Acknowledges a signal where it came from. If that is where its slot is being moved to, the list is there, too.
    func acknowledge(_ signal: Signal, to place: Int, _ now: MonotonicTime) {
        let isMoving = cluster.place(of: signal.locator) != place
        for command in signal.acknowledge(by: membership.id) {
            if isMoving { send(ClusterCommands.asking, .asking, to: place, now) }
            send(command, .acknowledgement, to: place, now)
        }
    }
}
