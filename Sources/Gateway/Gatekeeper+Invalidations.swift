import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper does with invalidations and broadcast messages.
extension Gatekeeper {
    func handle(_ arrival: InvalidationLink.Arrival, _ now: ClockReading) {
        switch arrival {
        case .started: trackingStarted(now)
        case .lost(let failure): trackingLost(failure, now)
        case .invalidated(let locator): invalidate(locator)
        case .invalidatedAll: invalidateAll(now)
        case .barrier(let id): acknowledge(id, now)
        case .lastUseFlush(let flush): answer(flush, now)
        case .current(let sentAt): lease.pingAnswered(sentAt: sentAt)
        }
    }

    private func trackingStarted(_ now: ClockReading) {
        metrics.invalidation.connected()
        log.note(
            .trackingStarted,
            now.monotonic,
            "the store at \(data.endpoint) sends invalidations"
        )
        if obligations.keeps(.emptyCacheOnTracking) { cache.invalidateAll() }
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        lease.trackingStarted()
        streams.markAllStale()
        streams.postponeWatch(now.monotonic)
        invalidations.renewNow(now.monotonic)
        membership.renewNow(now.monotonic)
    }

    private func trackingLost(_ failure: LinkFailure, _ now: ClockReading) {
        metrics.invalidation.disconnected()
        if lease.isTracking { streams.watchNow(now.monotonic) }
        lease.trackingLost()
        if obligations.keeps(.readAfterTracking) { checks.invalidateAllInFlight() }
        log.note(
            .trackingLost,
            now.monotonic,
            "the store at \(data.endpoint) does not send invalidations: \(failure)"
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
        cache.invalidateAll()
        checks.invalidateAllInFlight()
        lease.membershipLost()
        streams.markAllStale()
        membership.listLost(now.monotonic)
    }

    /// All invalidations before the barrier have been handled, in order: nothing older is cached.
    private func acknowledge(_ barrier: BarrierID, _ now: ClockReading) {
        guard lease.isTracking, data.isReady else { return }
        for command in FleetChannel.acknowledge(barrier, by: membership.id) {
            send(command, .acknowledgement, now.monotonic)
        }
        guard recentBarriers.insert(barrier) else { return }
        metrics.barriersAcknowledged &+= 1
        if let delay = barrier.ageMilliseconds(at: now.unix) {
            metrics.changeDelays.add(nanoseconds: delay * 1_000_000)
        }
    }

    /// Writes the uses of one organization, then acknowledges that they were written.
    private func answer(_ flush: LastUseFlush, _ now: ClockReading) {
        guard data.isReady else { return }
        for (command, purpose) in uses.flush(flush.locator) {
            send(command, purpose, now.monotonic)
        }
        for command in FleetChannel.acknowledge(flush, by: membership.id) {
            send(command, .acknowledgement, now.monotonic)
        }
    }
}
