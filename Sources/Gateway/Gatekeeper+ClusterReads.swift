import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper reads records from a cluster.
extension Gatekeeper {
    /// The pause before a stalled read is retried.
    private static let retryMilliseconds: UInt64 = 20

    func sendReadsToCluster(_ now: MonotonicTime) {
        if streams.hasStale { for locator in streams.dequeueStale() { checks.want(locator) } }
        while let (read, locator) = checks.dequeueUnsentRead() {
            let isHeld = checks.isHeld(read)
            guard !isHeld, let place = cluster.place(of: locator), canAnswer(place, now) else {
                checks.stall(read)
                if isHeld { retryLater(now) }
                continue
            }
            checks.sent(read, mayCache: mayCacheReads(of: place) && !nodes[place].lease.holdsFormer)
            _ = records.send((read, locator), over: &nodes[place].data, now)
            metrics.storeReads &+= 1
        }
    }

    private func retryLater(_ now: MonotonicTime) {
        let next = now.advanced(byMilliseconds: Self.retryMilliseconds)
        cluster.retryDue = min(cluster.retryDue, next)
    }

    /// Whether a reply to a read decides. If not, the read is requeued, and sent once the record's place is known.
    func acceptsReply(
        _ reply: RedisReply,
        to tag: CommandTag,
        _ locator: Locator,
        from place: Int,
        _ now: ClockReading
    ) -> Bool {
        if let error = reply.failure {
            return !isRedirected(by: error, tag, locator, from: place, now)
        }
        let isAsked = tag.purpose == .askedRead
        // The target of a move answers on behalf of the primary that redirected the read.
        guard let owner = cluster.place(of: locator), isAsked || owner == place,
            isFenced(owner, now.monotonic)
        else {
            checks.requeue(tag.read)
            return false
        }
        return true
    }

    private func isRedirected(
        by error: RedisError,
        _ tag: CommandTag,
        _ locator: Locator,
        from place: Int,
        _ now: ClockReading
    ) -> Bool {
        guard let asked = nodes[place].endpoint else { return false }
        switch Redirection(error, from: asked) {
        case .moved(let slot, let target)? where slot == Slot(of: locator):
            let isFollowed = followMoved(
                slot,
                to: target,
                from: place,
                sentAt: tag.sentAt,
                now.monotonic
            )
            if !isFollowed { cluster.readErrors[slot] = (asked, error) }
            checks.requeue(tag.read, isHeld: !isFollowed || tag.purpose == .askedRead)
        case .ask(let slot, let target)? where slot == Slot(of: locator):
            cluster.readErrors[slot] = (asked, error)
            ask(target, tag.read, locator, now)
        case nil where !error.isTemporary: return false
        default:
            cluster.readErrors[Slot(of: locator)] = (asked, error)
            checks.requeue(tag.read, isHeld: true)
        }
        return true
    }

    /// Handles `MOVED`: a server names another holder of a slot. Returns whether the read may be resent at once.
    ///
    /// The slot is reassigned only if the server that was asked is its holder by the map, and has not reported the
    /// slot since the read was sent.
    private func followMoved(
        _ slot: Slot,
        to target: Endpoint,
        from place: Int,
        sentAt: MonotonicTime,
        _ now: MonotonicTime
    ) -> Bool {
        cluster.reader.requestMap(from: place)
        guard cluster.seats.place(of: slot) == place else { return true }
        guard cluster.reports[slot.number].at < sentAt, let owner = cluster.seats.place(of: target)
        else { return false }
        if cluster.assign(slot, to: owner) {
            invalidateSlots(SlotSet(slot))
            if slot == MembershipCommands.slot { moveList(now) }
        }
        return cluster.seats.place(of: slot) != place
    }

    /// Handles `ASK`: repeats a read at the target of its slot's move. The reply is not cached, because the target
    /// may not send invalidations of the record to this worker yet.
    private func ask(
        _ target: Endpoint,
        _ read: Checks.ReadID,
        _ locator: Locator,
        _ now: ClockReading
    ) {
        guard let place = guestPlace(of: target, now) else {
            return checks.requeue(read, isHeld: true)
        }
        if obligations.keeps(.askedReplyIsNotCached) { checks.neverCache(read) }
        send(ClusterCommands.asking, .asking, to: place, now.monotonic)
        let tag = CommandTag(
            purpose: .askedRead,
            number: UInt64(read),
            sentAt: now.monotonic
        )
        _ = nodes[place].data.send(records.command(locator), tag: tag, now: now.monotonic)
        metrics.storeReads &+= 1
    }

    /// The place of a server that a slot is being moved to; `nil` while it cannot be asked.
    func guestPlace(of target: Endpoint, _ now: ClockReading) -> Int? {
        if let place = cluster.seats.invite(target, now.monotonic) {
            connectGuest(target, in: place, now)
        }
        cluster.seats.extendStay(of: target, now.monotonic)
        guard let place = cluster.seats.placeOfTarget(target), place < nodes.count,
            nodes[place].data.isReady
        else { return nil }
        return place
    }

    /// Logs why a check was not answered in time, if nothing else does.
    func reportUnread(_ locator: Locator, _ now: MonotonicTime) {
        let slot = Slot(of: locator)
        let text = "no record of slot \(slot.number) is read"
        if cluster.seats.place(of: slot) == nil {
            log.note(.recordRefused, now, "\(text): no primary is known to hold it")
        } else if let (server, error) = cluster.readErrors[slot] {
            log.note(.recordRefused, now, "\(text): the store at \(server): \(error.message)")
        }
    }

    /// Handles an error about the slot of a command, which was not executed: a redirection, or a slot that is not
    /// served for now. Returns whether it was one.
    func handleClusterError(_ error: RedisError, from place: Int) -> Bool {
        guard cluster.isUsed, let asked = nodes[place].endpoint else { return false }
        switch Redirection(error, from: asked) {
        case .moved: cluster.reader.requestMap(from: place)
        case .ask: break
        case nil where error.isTemporaryInCluster: break
        case nil: return false
        }
        return true
    }
}

extension RedisError {
    /// Whether a server of a cluster is unable to answer for now.
    fileprivate var isTemporary: Bool {
        isTemporaryInCluster || code == "LOADING" || code == "MASTERDOWN"
    }
}
