import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper asks of the store, and what it does with the replies.
extension Gatekeeper {
    /// The numbers of the links.
    static let dataNumber: UInt32 = 0
    static let invalidationNumber: UInt32 = 1

    /// The next order for a connection. Called at the end of a turn of the event loop, it first combines
    /// all reads of the turn into one write.
    public func nextOrder(_ now: ClockReading) -> (link: UInt32, order: LinkOrder)? {
        if hasReadsToSend { sendReads(now.monotonic) }
        if let order = data.nextOrder() { return (Self.dataNumber, order) }
        if let order = invalidations.link.nextOrder() { return (Self.invalidationNumber, order) }
        return nil
    }

    /// Where the server of a link listens.
    public func endpoint(link number: UInt32) -> Endpoint {
        number == Self.invalidationNumber ? invalidations.link.endpoint : data.endpoint
    }

    /// Moves a link's output into a buffer; returns the number of bytes.
    public func drainOutput(link number: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int
    {
        switch number {
        case Self.dataNumber: data.drainOutput(into: buffer)
        case Self.invalidationNumber: invalidations.link.drainOutput(into: buffer)
        default: 0
        }
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

    func handleEvents(_ now: ClockReading) {
        while let event = data.nextEvent() { handle(event, now) }
        while let arrival = invalidations.nextArrival(now.monotonic) { handle(arrival, now) }
    }

    private func withLink(_ number: UInt32, _ body: (inout RedisLink) -> Void) {
        switch number {
        case Self.dataNumber: body(&data)
        case Self.invalidationNumber: body(&invalidations.link)
        default: break
        }
    }
}

// MARK: - Commands

extension Gatekeeper {
    var hasReadsToSend: Bool { (checks.hasUnsentReads || streams.hasStale) && data.isReady }

    func sendReads(_ now: MonotonicTime) {
        if streams.hasStale { for locator in streams.dequeueStale() { checks.want(locator) } }
        while let read = checks.nextUnsentRead(mayCache: mayCacheReads) {
            guard records.send(read, over: &data, now) else { return checks.requeue(read.id) }
            metrics.storeReads &+= 1
        }
    }

    func sendUses(_ now: MonotonicTime) {
        guard data.isReady else { return }
        for (command, purpose) in uses.nextCommands(now) { send(command, purpose, now) }
    }

    /// Sends a command that is not repeated where the link is lost.
    func send(_ command: RedisCommand, _ purpose: CommandTag.Purpose, _ now: MonotonicTime) {
        _ = data.send(command, tag: CommandTag(purpose: purpose), now: now)
    }

    private var mayCacheReads: Bool {
        #if CANARIES
            if !obligations.keeps(.cachedOnlyWhileTracking) { return true }
            if !obligations.keeps(.emptyCacheOnJoin) { return lease.isTracking }
        #endif
        return lease.mayCache
    }
}

// MARK: - Replies

extension Gatekeeper {
    private func handle(_ event: RedisLink.Event, _ now: ClockReading) {
        switch event {
        case .ready:
            metrics.data.connected()
            log.note(.storeReady, now.monotonic, "connected to the store at \(data.endpoint)")
            invalidations.renewNow(now.monotonic)
            membership.renewNow(now.monotonic)
        case .reply(let tag, let reply): handle(reply, tag, now)
        case .lost(let failure, let unanswered): handleLoss(failure, unanswered, now)
        case .pushed: break
        }
    }

    private func handle(_ reply: RedisReply, _ tag: CommandTag, _ now: ClockReading) {
        switch tag.purpose {
        case .recordRead: handleRecord(reply, tag.read, now)
        case .stampRead: handleStamp(reply, tag.read, now)
        case .lastUses:
            logRefusal(reply, .usesRefused, "last uses were not recorded", now)
            uses.answered()
        case .flushedUse: logRefusal(reply, .usesRefused, "a last use was not recorded", now)
        case .refusedUses: logRefusal(reply, .usesRefused, "refused uses were not recorded", now)
        case .join: handleJoin(reply, tag, now)
        case .acknowledgement:
            logRefusal(
                reply,
                .acknowledgementRefused,
                "a change could not be acknowledged",
                now
            )
        case .leave, .ping, nil: break
        }
    }

    private func logRefusal(
        _ reply: RedisReply,
        _ kind: EventLog.Kind,
        _ text: String,
        _ now: ClockReading
    ) {
        guard let error = reply.failure else { return }
        log.note(kind, now.monotonic, "\(text): \(error.message)")
    }

    private func handleRecord(_ reply: RedisReply, _ read: Checks.ReadID, _ now: ClockReading) {
        guard let (locator, mayCache) = checks.inFlight(read) else { return }
        do throws(RecordFault) {
            let record = try records.record(reply, at: locator)
            let evicted = records.store(record, at: locator, mayCache: mayCache)
            if let evicted { uses.keep(evicted) }
            finish(read, locator, record.keys, now)
        } catch {
            cache.invalidate(locator)
            log.note(.recordRefused, now.monotonic, "the record of locator \(locator) \(error)")
            checks.finish(read, at: now.monotonic) { _ in .unavailable(locator) }
        }
    }

    private func handleStamp(_ reply: RedisReply, _ read: Checks.ReadID, _ now: ClockReading) {
        guard let (locator, mayCache) = checks.inFlight(read) else { return }
        guard let keys = records.keys(ofStamp: reply, at: locator) else {
            return checks.requeue(read)
        }
        if mayCache { cache.validate(locator) }
        finish(read, locator, keys, now)
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

    private func handleJoin(_ reply: RedisReply, _ tag: CommandTag, _ now: ClockReading) {
        switch membership.outcome(reply, tag, hasLapsed: lease.hasLapsed(now.monotonic)) {
        case .irrelevant: break
        case .joined(let sentAt):
            if obligations.keeps(.emptyCacheOnJoin) {
                cache.invalidateAll()
                checks.invalidateAllInFlight()
            }
            lease.joined(sentAt: sentAt)
        case .renewed(let sentAt): lease.joined(sentAt: sentAt)
        case .refused(let error):
            log.note(
                .joinRefused,
                now.monotonic,
                "this worker is not in the membership list, so every check reads the store: "
                    + (error?.message ?? "unexpected reply")
            )
        }
    }

    private func handleLoss(
        _ failure: LinkFailure,
        _ unanswered: [CommandTag],
        _ now: ClockReading
    ) {
        metrics.data.disconnected()
        checks.invalidateAllInFlight()
        log.note(.storeLost, now.monotonic, "the store at \(data.endpoint): \(failure)")
        for tag in unanswered where tag.isRead { checks.requeue(tag.read) }
        uses.connectionLost(now.monotonic)
        if !data.isConnecting(now.monotonic) {
            checks.answerAll(at: now.monotonic) { decideUnanswered($0, now) }
        }
    }
}
