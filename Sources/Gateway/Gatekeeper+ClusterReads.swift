import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper reads and writes where a cluster holds the records.
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
            checks.requeue(tag.read, isHeld: !isNews || tag.purpose == .askedRead)
        case .ask(let slot, let target)? where slot == Slot(of: locator):
            ask(target, tag.read, locator, now)
        case nil where !error.isTemporary: return false
        default: checks.requeue(tag.read, isHeld: true)
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
    private func guest(_ target: Endpoint, _ now: ClockReading) -> Int? {
        if let place = cluster.seats.invite(target, now.monotonic) {
            welcome(target, in: place, now)
        }
        cluster.seats.keep(target, now.monotonic)
        guard let place = cluster.seats.placeOfTarget(target), place < nodes.count,
            nodes[place].data.isReady
        else { return nil }
        return place
    }

    /// Whether an error is the cluster's: it says where the key is, or that nobody knows now. Nothing was done.
    func heedsCluster(_ error: RedisError, from place: Int) -> Bool {
        guard cluster.isUsed, let asked = nodes[place].endpoint else { return false }
        switch Redirection(error, from: asked) {
        case .moved: cluster.reader.want(from: place)
        case .ask: break
        case nil where error.isTemporaryInCluster || error.isOfQueuedCommand: break
        case nil: return false
        }
        return true
    }
}

extension RedisError {
    /// Whether a transaction failed because one of its commands had been refused: the reply to that says why.
    fileprivate var isOfQueuedCommand: Bool {
        code == "EXECABORT" && !message.contains("because of:")
    }
}

// MARK: - Uses

extension Gatekeeper {
    func sendUsesToCluster(_ now: MonotonicTime) {
        guard isAnyReady, uses.due <= now else { return }
        let commands = uses.nextCommands(now) { [cluster = writablePlaces] in
            cluster[Int($0)] != nil
        }
        for (command, purpose) in commands {
            guard let place = placeOfUses(command) else {
                if purpose == .lastUses { uses.failed() }
                continue
            }
            send(command, purpose, to: place, now)
        }
    }

    /// The place of each shard that can be written to.
    private var writablePlaces: [Int?] {
        (0...UInt8.max).map { shard in
            cluster.place(ofShard: shard).flatMap { nodes[$0].data.isReady ? $0 : nil }
        }
    }

    private func placeOfUses(_ command: RedisCommand) -> Int? {
        guard let key = command.key, let place = cluster.seats.place(of: Slot(ofKey: key)),
            nodes[place].data.isReady
        else { return nil }
        return place
    }

    /// A command of a batch of last uses was answered.
    func usesAnswered(_ reply: RedisReply) {
        if cluster.isUsed, reply.failure != nil { uses.failed() } else { uses.answered() }
    }

    /// Writes the uses of one organization where their shard is. They are acknowledged after the answers.
    func flushInCluster(_ signal: Signal, from place: Int, _ now: MonotonicTime) {
        let shard = Keyspace.shard(of: signal.locator)
        guard let bucket = cluster.place(ofShard: shard), nodes[bucket].data.isReady else { return }
        let commands = uses.flush(signal.locator, includesSent: true)
        guard !commands.isEmpty else { return acknowledge(signal, to: place, now) }
        let number = cluster.flushes.add(signal, commands)
        for (command, purpose) in commands {
            let tag = CommandTag(purpose: purpose, number: number, sentAt: now)
            _ = nodes[bucket].data.send(command, tag: tag, now: now)
        }
    }

    /// A command of a flush was answered.
    func flushAnswered(
        _ reply: RedisReply,
        _ tag: CommandTag,
        from place: Int,
        _ now: ClockReading
    ) {
        guard tag.number != 0 else { return }
        if let error = reply.failure {
            if !sendsOn(tag, by: error, from: place, now) { cluster.flushes.failed(tag) }
            return
        }
        guard let signal = cluster.flushes.answered(tag),
            let place = cluster.place(of: signal.locator), nodes[place].data.isReady
        else { return }
        acknowledge(signal, to: place, now.monotonic)
    }

    /// Sends a command of a flush to the server that has the uses, or will have them; `false` if it cannot be asked.
    private func sendsOn(
        _ tag: CommandTag,
        by error: RedisError,
        from place: Int,
        _ now: ClockReading
    ) -> Bool {
        guard let asked = nodes[place].endpoint, let redirection = Redirection(error, from: asked),
            let command = cluster.flushes.redirected(tag)
        else { return false }
        var target = cluster.seats.place(of: redirection.target)
        if case .ask = redirection {
            target = guest(redirection.target, now)
            if let target { send(ClusterCommands.asking, .asking, to: target, now.monotonic) }
        }
        guard let target, nodes[target].data.isReady else { return false }
        _ = nodes[target].data.send(command, tag: tag, now: now.monotonic)
        return true
    }
}

extension RedisError {
    /// Whether a server of a cluster cannot answer for now.
    fileprivate var isTemporary: Bool {
        isTemporaryInCluster || code == "LOADING" || code == "MASTERDOWN"
    }
}
