import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper is told without asking, and what it tells the fleet of itself.
extension Gatekeeper {
    func takeNewsEvent(_ event: RedisLink.Event, _ now: ClockReading) {
        switch event {
        case .ready: beginListening(now)
        case .pushed(let publication): takePublication(publication, now)
        case .reply(let tag, let reply): takePong(tag, reply, now)
        case .lost(let failure, _): endListening(failure, now)
        }
    }

    private func beginListening(_ now: ClockReading) {
        metrics.news.made()
        log.note(.newsReady, now.monotonic, "the store at \(endpoint) tells of changes")
        if obligations.keeps(.nothingKnownOfBefore) { cache.forgetAll() }
        if obligations.keeps(.readAfterListening) { pending.overtakeAll() }
        lease.listens()
        streams.doubtAll()
        heartbeats.hurry(now.monotonic)
        heartbeats.putOffStreams(now.monotonic)
    }

    private func endListening(_ failure: LinkFailure, _ now: ClockReading) {
        news.lost()
        metrics.news.ended()
        if lease.hears { heartbeats.hurryStreams(now.monotonic) }
        lease.listensNoMore()
        if obligations.keeps(.readAfterListening) { pending.overtakeAll() }
        log.note(
            .newsLost,
            now.monotonic,
            "the store at \(endpoint) does not tell of changes: \(failure)"
        )
    }

    private func takePublication(_ publication: PushedMessage, _ now: ClockReading) {
        switch publication.kind {
        case .invalidated:
            for key in publication.keys {
                if let locator = Keyspace.locator(ofRecord: key) { forget(locator) }
            }
        case .invalidatedAll: forgetAll(now)
        case .message where publication.channel == FleetChannel.name:
            takeWord(publication.text, now)
        case .message, .unreadable: break
        }
    }

    private func takeWord(_ text: ArraySlice<UInt8>, _ now: ClockReading) {
        if let barrierID = BarrierID(text) {
            confirm(barrierID, now)
        } else if let inquiry = LastUseFlush(text) {
            answer(inquiry, now)
        }
    }

    private func forget(_ locator: Locator) {
        metrics.invalidations &+= 1
        cache.forget(locator)
        if obligations.keeps(.racingReplyIsNotKept) { pending.overtake(locator) }
        streams.doubt(locator)
    }

    /// The list of gateways may be gone with the records.
    private func forgetAll(_ now: ClockReading) {
        metrics.flushes &+= 1
        cache.forgetAll()
        pending.overtakeAll()
        lease.registeredNoMore()
        streams.doubtAll()
        heartbeats.voidEntries(now.monotonic)
    }

    /// The changes before the barrier have been taken, in order: nothing of before them is known.
    private func confirm(_ barrierID: BarrierID, _ now: ClockReading) {
        guard lease.hears else { return }
        let tag = CommandTag(purpose: .confirmation)
        for command in FleetChannel.acknowledge(barrierID, by: identity.id) {
            guard data.link.send(command, tag: tag, now: now.monotonic) else { return }
        }
        guard confirmedChanges.insert(barrierID) else { return }
        metrics.barriersConfirmed &+= 1
        if let delay = barrierID.ageMilliseconds(at: now.unix) {
            metrics.changeDelays.add(nanoseconds: delay * 1_000_000)
        }
    }
}

// MARK: - Heartbeats

extension Gatekeeper {
    /// When the next heartbeat is due.
    var heartbeatsDue: MonotonicTime {
        guard !isEnding else { return .never }
        return min(
            news.link.isReady ? heartbeats.nextPing : .never,
            data.link.isReady ? max(heartbeats.nextEntry, entryMayBeWrittenAt) : .never
        )
    }

    func sendHeartbeats(_ now: ClockReading) {
        guard !isEnding else { return }
        if news.link.isReady, let number = heartbeats.takePing(now.monotonic) {
            let tag = CommandTag(purpose: .ping, number: number, sentAt: now.monotonic)
            _ = news.link.send(RedisCommand("PING", String(number)), tag: tag, now: now.monotonic)
        }
        if data.link.isReady, entryMayBeWrittenAt <= now.monotonic { sendEntry(now) }
    }

    /// An entry without tracking says that the worker caches nothing. It takes the place of one that
    /// says more only when all that the worker had cached has ended.
    private var entryMayBeWrittenAt: MonotonicTime {
        guard !lease.hears else { return .origin }
        return lease.isDeaf ? lease.knownUntil : .never
    }

    private func sendEntry(_ now: ClockReading) {
        guard let number = heartbeats.takeEntry(now.monotonic) else { return }
        let tag = CommandTag(purpose: .entry, number: number, sentAt: now.monotonic)
        _ = data.link.send(MembershipCommands.join(entry(now)), tag: tag, now: now.monotonic)
        guard !lease.hears else { return }
        lease.registeredNoMore()
        heartbeats.discountEntries()
    }

    /// When the records of open requests have to be read, because changes may not have been told.
    var streamsWatchDue: MonotonicTime {
        guard streams.count > 0, !isEnding, obligations.keeps(.streamsAreWatched) else {
            return .never
        }
        return max(lease.heardUntil(heartbeats.noticeMilliseconds), heartbeats.nextStreams)
    }

    func watchStreams(_ now: MonotonicTime) {
        guard data.link.isReady, streamsWatchDue <= now else { return }
        heartbeats.putOffStreams(now)
        streams.doubtAll()
    }

    /// An answer that is not that of its heartbeat shows that the connection cannot be trusted; an
    /// error renews nothing.
    private func takePong(_ tag: CommandTag, _ reply: RedisReply, _ now: ClockReading) {
        guard reply.failure == nil else { return }
        guard Self.isPong(reply, number: tag.number) else {
            news.link.abandon(.unsolicited, now.monotonic)
            takeEvents(now)
            return
        }
        lease.heard(heartbeatTime(tag, now.monotonic))
    }

    /// The moment from which an answered heartbeat renews the lease.
    private func heartbeatTime(_ tag: CommandTag, _ now: MonotonicTime) -> MonotonicTime {
        #if CANARIES
            if !obligations.keeps(.leaseCountsFromSending) { return now }
            if !obligations.keeps(.heartbeatIsMatched) { return heartbeats.lastPingAt }
        #endif
        return tag.sentAt
    }

    private static func isPong(_ reply: RedisReply, number: UInt64) -> Bool {
        guard case .array(let elements) = reply, elements.count == 2,
            case .bulk(let kind) = elements[0], case .bulk(let text) = elements[1]
        else { return false }
        return kind.spells("pong") && text.elementsEqual(String(number).utf8)
    }

    func takeEntryReply(_ reply: RedisReply, _ tag: CommandTag, _ now: ClockReading) {
        guard !isEnding else { return }
        let registration = JoinReply(reply)
        if case .refused(let error) = registration { return noteUnlisted(error, now) }
        guard heartbeats.counts(entry: tag.number) else { return }
        switch registration {
        case .renewed where !lease.hasLapsed(now.monotonic): break
        case .added, .renewed:
            if obligations.keeps(.nothingKnownOfBeforeRegistration) {
                cache.forgetAll()
                pending.overtakeAll()
            }
        case .refused: return
        }
        lease.registered(tag.sentAt)
    }

    private func noteUnlisted(_ error: RedisError?, _ now: ClockReading) {
        log.note(
            .entryRefused,
            now.monotonic,
            "this worker is not in the list of gateways, so every check reads the store: "
                + (error?.message ?? "an unexpected answer")
        )
    }

    func withdrawEntry(_ now: MonotonicTime) {
        guard heartbeats.hasWritten else { return }
        let tag = CommandTag(purpose: .confirmation)
        _ = data.link.send(MembershipCommands.leave(identity.id), tag: tag, now: now)
    }

    private func entry(_ now: ClockReading) -> Member {
        Member(
            id: identity.id,
            host: identity.host,
            processID: identity.processID,
            version: Release.version,
            isTracking: lease.hears,
            leaseMilliseconds: lease.hears
                ? configuration.leaseMilliseconds : heartbeats.noticeMilliseconds,
            graceMilliseconds: lease.hears ? configuration.graceMilliseconds : 0,
            heartbeatAt: now.unix,
            recordsCached: UInt64(cache.count)
        )
    }
}
