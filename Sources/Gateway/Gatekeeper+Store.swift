import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper asks of the store, and what it does with the replies.
extension Gatekeeper {
    /// The next order for a connection. Called at the end of a turn of the event loop, it first combines
    /// all questions of the turn into one write.
    public func nextOrder(_ now: ClockReading) -> (link: UInt32, order: LinkOrder)? {
        sendQuestions(now.monotonic)
        if let order = node.nextOrder() { return order }
        return sentinels.isUsed ? sentinels.nextOrder() : nil
    }

    /// Where the server of a link listens; `nil` while that is not known.
    public func endpoint(link number: UInt32) -> Endpoint? {
        sentinels.link(number).map(\.endpoint) ?? node.endpoint
    }

    /// Whether others make up for the loss of a link, so that the log is told once.
    public func isSpare(link number: UInt32) -> Bool { sentinels.link(number) != nil }

    /// The host name or IP address that the certificate of a link's server must be valid for; `nil` for
    /// a connection without TLS.
    public func certificateName(link number: UInt32) -> String? {
        if let sentinel = sentinels.link(number) { return sentinel.link.certificateName }
        return node.certificateName
    }

    /// Moves a link's output into a buffer; returns the number of bytes.
    public func drainOutput(link number: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int
    {
        if let sentinel = sentinels.link(number) { return sentinel.link.drainOutput(into: buffer) }
        return node.drainOutput(link: number, into: buffer)
    }

    /// A connection is established.
    public func linkOpened(_ number: UInt32, at now: ClockReading) {
        withLink(number) { $0.opened(now.monotonic) }
        handleEvents(now)
    }

    /// A connection could not be established, or was lost.
    public func linkClosed(
        _ number: UInt32,
        _ failure: LinkFailure = .disconnected,
        at now: ClockReading
    ) {
        withLink(number) { $0.closed(now.monotonic, failure) }
        handleEvents(now)
    }

    /// Bytes have arrived.
    public func linkReceived(
        _ number: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        at now: ClockReading
    ) {
        withLink(number) { $0.received(bytes, now.monotonic) }
        handleEvents(now)
    }

    private func withLink(_ number: UInt32, _ body: (inout RedisLink) -> Void) {
        if let sentinel = sentinels.link(number) {
            body(&sentinel.link)
        } else {
            node.withLink(number, body)
        }
    }

    func handleEvents(_ now: ClockReading) {
        if sentinels.isUsed { handleSentinelEvents(now) }
        handleNodeEvents(now)
    }

    func handleNodeEvents(_ now: ClockReading) {
        while let event = node.data.nextEvent() { handle(event, now) }
        handleArrivals(now)
    }

    func handleArrivals(_ now: ClockReading) {
        while let arrival = node.invalidations.nextArrival(now.monotonic) { handle(arrival, now) }
    }

    /// The lease rests on the node and on the membership, and either has changed.
    func renewLease() {
        #if CANARIES
            if !obligations.keeps(.trustsOnlyAsMember) {
                return node.lease.renew(registeredAt: .never)
            }
        #endif
        node.lease.renew(registeredAt: membership.registeredAt)
    }
}

// MARK: - Commands

extension Gatekeeper {
    private var hasReadsToSend: Bool {
        (checks.hasUnsentReads || streams.hasStale) && node.data.isReady
    }

    /// Whether the store is known to be the primary, so that what it replies decides.
    func isFenced(_ now: MonotonicTime) -> Bool {
        #if CANARIES
            if !obligations.keeps(.readsAreFenced) { return true }
        #endif
        return now < node.lease.fencedUntil
    }

    /// Asks what the checks of this turn wait for.
    func sendQuestions(_ now: MonotonicTime) {
        if isStrict { node.askForProof(checks, now) }
        if hasReadsToSend, isFenced(now) { sendReads(now) }
    }

    private func sendReads(_ now: MonotonicTime) {
        if streams.hasStale { for locator in streams.dequeueStale() { checks.want(locator) } }
        while let read = checks.nextUnsentRead(mayCache: mayCacheReads) {
            guard records.send(read, over: &node.data, now) else { return checks.requeue(read.id) }
            metrics.storeReads &+= 1
        }
    }

    func sendUses(_ now: MonotonicTime) {
        guard node.data.isReady else { return }
        for (command, purpose) in uses.nextCommands(now) { send(command, purpose, now) }
    }

    /// Sends a command that is not repeated where the link is lost.
    func send(_ command: RedisCommand, _ purpose: CommandTag.Purpose, _ now: MonotonicTime) {
        _ = node.data.send(command, tag: CommandTag(purpose: purpose), now: now)
    }

    private var mayCacheReads: Bool {
        #if CANARIES
            if !obligations.keeps(.cachedOnlyWhileTracking) { return true }
            if !obligations.keeps(.emptyCacheOnJoin) || !obligations.keeps(.trustsOnlyAsMember) {
                return node.lease.isTracking
            }
        #endif
        return node.lease.isTracking && membership.registeredAt != nil
    }
}

// MARK: - Replies

extension Gatekeeper {
    private func handle(_ event: RedisLink.Event, _ now: ClockReading) {
        switch event {
        case .ready:
            dataReady(now)
        case .reply(let tag, let reply): handle(reply, tag, now)
        case .lost(let failure, let unanswered): handleLoss(failure, unanswered, now)
        case .invalidated: break
        }
    }

    private func dataReady(_ now: ClockReading) {
        metrics.data.connected()
        if node.hasBeenReplica { returnToPrimary(now) }
        log.note(.storeReady, now.monotonic, "connected to the store at \(node.name)")
        node.invalidations.renewNow(now.monotonic)
        membership.renewNow(now.monotonic)
        if isStrict { send(StoreInformation.readServer, .serverInformation, now.monotonic) }
    }

    private func handle(_ reply: RedisReply, _ tag: CommandTag, _ now: ClockReading) {
        switch tag.purpose {
        case .recordRead: handleRecord(reply, tag.read, now)
        case .lastUses:
            logRefusal(reply, .usesRefused, "last uses were not recorded", now)
            uses.answered()
        case .flushedUse: logRefusal(reply, .usesRefused, "a last use was not recorded", now)
        case .refusedUses: logRefusal(reply, .usesRefused, "refused uses were not recorded", now)
        case .join: handle(membership.joinOutcome(reply, tag), now)
        case .joinPart: logRefusal(reply, .joinRefused, Self.notAMember, now)
        case .entryRead: handle(membership.entryOutcome(reply, tag), now)
        case .generation: term.received(generation: reply)
        case .term:
            term.received(
                term: reply,
                trustMilliseconds: membership.trustMilliseconds,
                now.monotonic
            )
            sentinels.isTermWanted = term.isUnattested
        case .serverInformation:
            node.invalidations.pings.answersMayOvertake =
                StoreInformation(reply)?.answersMayOvertakeInvalidations ?? true
        case .acknowledgement:
            logRefusal(
                reply,
                .acknowledgementRefused,
                "a change could not be acknowledged",
                now
            )
        case .leave, .ping, .primaryAddress, .primaryReport, nil: break
        }
    }

    private func logRefusal(
        _ reply: RedisReply,
        _ kind: EventLog.Kind,
        _ text: String,
        _ now: ClockReading
    ) {
        guard let error = reply.failure else { return }
        leaveReplica(error, now.monotonic)
        log.note(kind, now.monotonic, "\(text): \(error.message)")
    }

    private func handleRecord(_ reply: RedisReply, _ read: Checks.ReadID, _ now: ClockReading) {
        guard let (locator, mayCache) = checks.inFlight(read) else { return }
        guard isFenced(now.monotonic) else { return checks.requeue(read) }
        do throws(RecordFault) {
            let record = try records.record(reply, at: locator, from: node.number)
            let evicted =
                records.store(record, at: locator, from: node.number, mayCache: mayCache)
            if let evicted { uses.keep(evicted) }
            finish(read, locator, record.keys, now)
        } catch {
            cache.invalidate(locator)
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

    private static let notAMember =
        "this worker is not in the membership list, so every check reads the store"

    private func handle(_ outcome: WorkerMembership.Outcome, _ now: ClockReading) {
        switch outcome {
        case .irrelevant: return
        case .joined:
            if obligations.keeps(.emptyCacheOnJoin) { forgetAll() }
            node.lease.forgotFormer()
        case .stands: break
        case .lost:
            forgetAll()
            term.reset()
        case .refused(let error):
            if let error { leaveReplica(error, now.monotonic) }
            let reason = error?.message ?? "unexpected reply"
            log.note(.joinRefused, now.monotonic, "\(Self.notAMember): \(reason)")
        }
        renewLease()
        guard membership.registeredAt != nil else { return }
        for (command, purpose) in term.ask() { send(command, purpose, now.monotonic) }
    }

    private func handleLoss(
        _ failure: LinkFailure,
        _ unanswered: [CommandTag],
        _ now: ClockReading
    ) {
        metrics.data.disconnected()
        checks.invalidateAllInFlight()
        if failure == .notPrimary { node.hasBeenReplica = true }
        if failure != .replaced {
            log.note(.storeLost, now.monotonic, "the store at \(node.name): \(failure)")
        }
        for tag in unanswered where tag.isRead { checks.requeue(tag.read) }
        uses.connectionLost(now.monotonic)
        term.reset()
        node.invalidations.pings.answersMayOvertake = true
        if !node.data.isConnecting(now.monotonic) {
            checks.answerAll(at: now.monotonic) { decideUnanswered($0, now) }
        }
    }
}
