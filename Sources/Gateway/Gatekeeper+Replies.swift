import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper handles the replies of the store.
extension Gatekeeper {
    func handle(_ event: RedisLink.Event, from place: Int, _ now: ClockReading) {
        switch event {
        case .ready:
            dataReady(place, now)
        case .reply(let tag, let reply): handle(reply, tag, from: place, now)
        case .lost(let failure, let unanswered): handleLoss(of: place, failure, unanswered, now)
        case .invalidated: break
        }
    }

    private func dataReady(_ place: Int, _ now: ClockReading) {
        metrics.data.connected(&nodes[place].isDataUp)
        if nodes[place].hasBeenReplica { returnToPrimary(place, now) }
        if isEnding { uses.flushNow(now.monotonic) }
        log.note(
            .storeReady,
            now.monotonic,
            "connected to the store at \(nodes[place].name)"
        )
        nodes[place].invalidations.renewNow(now.monotonic)
        membership.renewNow(now.monotonic)
        if cluster.isUsed { clusterNodeReady(place, now.monotonic) }
        if isStrict {
            send(StoreInformation.readServer, .serverInformation, to: place, now.monotonic)
        }
    }

    private func handle(
        _ reply: RedisReply,
        _ tag: CommandTag,
        from place: Int,
        _ now: ClockReading
    ) {
        switch tag.purpose {
        case .recordRead, .askedRead: handleRecord(reply, tag, from: place, now)
        case .lastUses: lastUsesAnswered(reply, tag, from: place, now)
        case .flushedUse: flushAnswered(reply, tag, from: place, now)
        case .refusedUses:
            let text = "refused uses were not recorded"
            logRefusal(reply.failure, .usesRefused, text, place, now, lasts: true)
        case .join: handle(membership.joinOutcome(reply, tag), from: place, now)
        case .joinPart:
            let lasts = membership.refusals > 0
            logRefusal(reply.failure, .joinRefused, Self.notAMember, place, now, lasts: lasts)
        case .entryRead: handle(membership.entryOutcome(reply, tag), from: place, now)
        case .generation: term.received(generation: reply)
        case .term:
            term.received(
                term: reply,
                trustMilliseconds: membership.trustMilliseconds,
                now.monotonic
            )
            sentinels.isTermWanted = term.isUnattested
        case .serverInformation:
            nodes[place].invalidations.pings.answersMayOvertake =
                StoreInformation(reply)?.answersMayOvertakeInvalidations ?? true
        case .acknowledgement:
            logRefusal(
                reply.failure,
                .acknowledgementRefused,
                "a change could not be acknowledged",
                place,
                now
            )
        case .leave:
            let text =
                "this worker is still in the membership list, and the next change waits out its lease"
            logRefusal(reply.failure, .joinRefused, text, place, now, lasts: true)
        case .handover:
            logRefusal(
                reply.failure,
                .joinRefused,
                "the store's term was not handed over",
                place,
                now
            )
        case .probe: handleProbe(reply, tag, from: place, now.monotonic)
        case .slotMap: handleMap(reply, tag, from: place, now)
        case .asking:
            let text = "records that are being moved are not read"
            logRefusal(reply.failure, .recordRefused, text, place, now)
        case .ping, .primaryAddress, .primaryReport, nil: break
        }
    }

    /// Logs an error reply. Errors about a slot of a cluster are transient, and logged only if they last.
    func logRefusal(
        _ error: RedisError?,
        _ kind: EventLog.Kind,
        _ text: String,
        _ place: Int,
        _ now: ClockReading,
        lasts: Bool = false
    ) {
        guard let error, !error.isOfQueuedCommand else { return }
        if handleClusterError(error, from: place), !lasts { return }
        leaveReplica(place, error, now.monotonic)
        log.note(kind, now.monotonic, "\(text): \(error.message)")
    }

    private func handleRecord(
        _ reply: RedisReply,
        _ tag: CommandTag,
        from place: Int,
        _ now: ClockReading
    ) {
        let read = tag.read
        guard let (locator, mayCache) = checks.inFlight(read) else { return }
        if cluster.isUsed {
            guard acceptsReply(reply, to: tag, locator, from: place, now) else { return }
        } else if !isFenced(place, now.monotonic) {
            return checks.requeue(read)
        }
        let number = nodes[place].number
        do throws(RecordFault) {
            let record = try records.record(reply, at: locator, from: number)
            let evicted = records.store(record, at: locator, from: number, mayCache: mayCache)
            if let evicted { uses.keep(evicted) }
            finish(read, locator, record.keys, now)
        } catch {
            cache.invalidate(locator)
            if case .unreadable = error { streams.unreadable(locator, now.monotonic) }
            log.note(.recordRefused, now.monotonic, "the record of locator \(locator) \(error)")
            checks.finish(read, at: now.monotonic) { _ in .unavailable(locator) }
        }
    }

    private func finish(
        _ read: Checks.ReadID,
        _ locator: Locator,
        _ keys: AcceptedKeys?,
        _ now: ClockReading
    ) {
        checks.finish(read, at: now.monotonic) { decide($0, keys, now) }
        streams.update(locator, keys, at: now.unix)
    }

    static let notAMember =
        "this worker is not in the membership list, so every check reads the store"

    private func handle(
        _ outcome: WorkerMembership.Outcome,
        from place: Int,
        _ now: ClockReading
    ) {
        switch outcome {
        case .irrelevant: return
        case .joined:
            if obligations.keeps(.emptyCacheOnJoin) { invalidateCache() }
            for place in 0..<nodes.count { nodes[place].lease.forgotFormer() }
        case .stands: break
        case .lost:
            invalidateCache()
            term.reset()
        case .refused(let error): refuseMembership(error, from: place, now)
        }
        renewLeases()
        guard membership.registeredAt != nil, !cluster.isUsed else { return }
        for (command, purpose) in term.ask() { send(command, purpose, to: place, now.monotonic) }
    }

    private func refuseMembership(_ error: RedisError?, from place: Int, _ now: ClockReading) {
        guard let error else {
            return log.note(.joinRefused, now.monotonic, "\(Self.notAMember): unexpected reply")
        }
        let lasts = membership.refusals > 1
        logRefusal(error, .joinRefused, Self.notAMember, place, now, lasts: lasts)
    }

    private func handleLoss(
        of place: Int,
        _ failure: LinkFailure,
        _ unanswered: [CommandTag],
        _ now: ClockReading
    ) {
        metrics.data.disconnected(&nodes[place].isDataUp)
        checks.invalidateAllInFlight()
        if failure == .notPrimary { nodes[place].hasBeenReplica = true }
        if failure != .replaced {
            log.note(.storeLost, now.monotonic, "the store at \(nodes[place].name): \(failure)")
        }
        for tag in unanswered { abandon(tag, now.monotonic) }
        nodes[place].invalidations.pings.answersMayOvertake = true
        if cluster.isUsed { return clusterNodeLost(place, now) }
        term.reset()
        if !nodes[place].data.isConnecting(now.monotonic) {
            checks.answerAll(at: now.monotonic) { decideUnanswered($0, now) }
        }
    }

    /// A command was lost with its connection, or its reply was.
    private func abandon(_ tag: CommandTag, _ now: MonotonicTime) {
        switch tag.purpose {
        case .recordRead, .askedRead: checks.requeue(tag.read)
        case .lastUses: uses.lost(tag.shard, now)
        case .flushedUse: flushes.failed(tag.number)
        default: break
        }
    }
}

extension RedisError {
    /// Whether a transaction failed because one of its commands had been refused: the reply to that says why.
    fileprivate var isOfQueuedCommand: Bool {
        code == "EXECABORT" && !message.contains("because of:")
    }
}
