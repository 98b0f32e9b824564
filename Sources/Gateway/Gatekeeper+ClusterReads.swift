import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper reads records where a cluster holds them.
extension Gatekeeper {
    /// Stalled reads are tried again this often.
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

    /// Whether a reply to a read decides. Otherwise the read is repeated: where the record is, or once that is
    /// known.
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
        // A server that a slot is being moved to answers for the one that has sent us there.
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
            let isNews = isNews(slot, at: target, from: place, askedAt: tag.sentAt, now.monotonic)
            if !isNews { cluster.heldReads[slot] = (asked, error) }
            checks.requeue(tag.read, isHeld: !isNews || tag.purpose == .askedRead)
        case .ask(let slot, let target)? where slot == Slot(of: locator):
            cluster.heldReads[slot] = (asked, error)
            ask(target, tag.read, locator, now)
        case nil where !error.isTemporary: return false
        default:
            cluster.heldReads[Slot(of: locator)] = (asked, error)
            checks.requeue(tag.read, isHeld: true)
        }
        return true
    }

    /// A server says that another one holds a slot. Returns whether a read may go there at once. From any other than the holder
    /// by the map that is no news, nor from the holder if that was asked before it last told of the slot.
    private func isNews(
        _ slot: Slot,
        at target: Endpoint,
        from place: Int,
        askedAt: MonotonicTime,
        _ now: MonotonicTime
    ) -> Bool {
        cluster.reader.want(from: place)
        guard cluster.seats.place(of: slot) == place else { return true }
        guard cluster.news[slot.number].at < askedAt, let owner = cluster.seats.place(of: target)
        else { return false }
        if cluster.assign(slot, to: owner) {
            forget(SlotSet(slot))
            if slot == MembershipCommands.slot { moveList(now) }
        }
        return cluster.seats.place(of: slot) != place
    }

    /// Repeats a read at a server that its slot is being moved to. The reply is not cached: no invalidation of the
    /// record would come from there.
    private func ask(
        _ target: Endpoint,
        _ read: Checks.ReadID,
        _ locator: Locator,
        _ now: ClockReading
    ) {
        guard let place = guest(target, now) else { return checks.requeue(read, isHeld: true) }
        checks.neverCache(read)
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
    func guest(_ target: Endpoint, _ now: ClockReading) -> Int? {
        if let place = cluster.seats.invite(target, now.monotonic) {
            welcome(target, in: place, now)
        }
        cluster.seats.keep(target, now.monotonic)
        guard let place = cluster.seats.placeOfTarget(target), place < nodes.count,
            nodes[place].data.isReady
        else { return nil }
        return place
    }

    /// A check was not answered in time. Says why, where nothing else does.
    func reportUnread(_ locator: Locator, _ now: MonotonicTime) {
        let slot = Slot(of: locator)
        let text = "no record of slot \(slot.number) is read"
        if cluster.seats.place(of: slot) == nil {
            log.note(.recordRefused, now, "\(text): no primary is known to hold it")
        } else if let (server, error) = cluster.heldReads[slot] {
            log.note(.recordRefused, now, "\(text): the store at \(server): \(error.message)")
        }
    }

    /// Whether an error is the cluster's: it says where the key is, or that nobody knows now. Nothing was done.
    func heedsCluster(_ error: RedisError, from place: Int) -> Bool {
        guard cluster.isUsed, let asked = nodes[place].endpoint else { return false }
        switch Redirection(error, from: asked) {
        case .moved: cluster.reader.want(from: place)
        case .ask: break
        case nil where error.isTemporaryInCluster: break
        case nil: return false
        }
        return true
    }
}

extension RedisError {
    /// Whether a server of a cluster cannot answer for now.
    fileprivate var isTemporary: Bool {
        isTemporaryInCluster || code == "LOADING" || code == "MASTERDOWN"
    }
}
