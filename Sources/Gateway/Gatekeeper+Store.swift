import KeyFormat
import Keyring
import RedisClient

/// What the gatekeeper asks of the store, and what it makes of the answers.
extension Gatekeeper {
    /// What is to be done with a connection to the store.
    public enum LinkOrder: Equatable, Sendable {
        case open(Endpoint)
        case close
        /// Bytes wait in ``drainOutput(link:into:)``.
        case write
    }

    /// The numbers of the connections.
    static let dataNumber: UInt32 = 0
    static let newsNumber: UInt32 = 1

    /// The next thing to do with a connection. Called at the end of a turn of the event loop, behind
    /// ``tick(_:)`` or without it, this is where all reads of the turn are put into one write.
    public func nextOrder(_ now: ClockReading) -> (link: UInt32, order: LinkOrder)? {
        if hasReadsToSend { sendReads(now.monotonic) }
        if let order = data.nextOrder() { return (Self.dataNumber, linkOrder(order)) }
        if let order = news.nextOrder() { return (Self.newsNumber, linkOrder(order)) }
        return nil
    }

    /// Moves bytes that are to be written into a buffer; returns their number.
    public func drainOutput(link number: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int
    {
        switch number {
        case Self.dataNumber: data.drainOutput(into: buffer)
        case Self.newsNumber: news.drainOutput(into: buffer)
        default: 0
        }
    }

    /// The connection has been made.
    public func linkOpened(_ number: UInt32, at now: ClockReading) {
        withLink(number) { $0.opened(now.monotonic) }
        takeEvents(now)
    }

    /// The connection could not be made, or was lost.
    public func linkClosed(_ number: UInt32, at now: ClockReading) {
        withLink(number) { $0.closed(now.monotonic) }
        takeEvents(now)
    }

    /// Bytes have come.
    public func linkReceived(
        _ number: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        at now: ClockReading
    ) {
        withLink(number) { $0.received(bytes, now.monotonic) }
        takeEvents(now)
    }

    private func withLink(_ number: UInt32, _ body: (inout RedisLink) -> Void) {
        switch number {
        case Self.dataNumber: body(&data.link)
        case Self.newsNumber: body(&news.link)
        default: break
        }
    }

    private func linkOrder(_ order: StoreLink.Order) -> LinkOrder {
        switch order {
        case .open: .open(endpoint)
        case .close: .close
        case .write: .write
        }
    }

    func takeEvents(_ now: ClockReading) {
        while let event = data.link.nextEvent() { takeDataEvent(event, now) }
        #if CANARIES
            if !obligations.keeps(.streamInOrder) { return takeAnswersBeforeNews(now) }
        #endif
        while let event = news.link.nextEvent() { takeNewsEvent(event, now) }
    }

    #if CANARIES
        /// Changes are put off until answers and barriers that came behind them have been taken, and
        /// until more has come.
        private func takeAnswersBeforeNews(_ now: ClockReading) {
            guard let first = news.link.nextEvent() else { return }
            let changes = changesPutOff
            changesPutOff = []
            var event: RedisLink.Event? = first
            while let next = event {
                if case .pushed(let publication) = next, publication.kind == .invalidated {
                    changesPutOff.append(next)
                } else {
                    takeNewsEvent(next, now)
                }
                event = news.link.nextEvent()
            }
            for change in changes { takeNewsEvent(change, now) }
        }
    #endif
}

// MARK: - Asking

extension Gatekeeper {
    var hasReadsToSend: Bool { (pending.hasUnsent || streams.hasDoubts) && data.link.isReady }

    func sendReads(_ now: MonotonicTime) {
        if streams.hasDoubts { for locator in streams.takeDoubts() { pending.want(locator) } }
        while let read = pending.nextUnsent(mayKeep: mayKeepReads) {
            guard send(read, now) else { return pending.resend(read.id) }
            metrics.storeReads &+= 1
        }
    }

    private func send(_ read: (id: PendingChecks.ReadID, locator: Locator), _ now: MonotonicTime)
        -> Bool
    {
        let hasStamp = cache.hasStamp(read.locator)
        let tag = CommandTag(
            purpose: hasStamp ? .stampRead : .read,
            number: UInt64(read.id),
            sentAt: now
        )
        return hasStamp
            ? data.link.send(stampQuery.command(read.locator), tag: tag, now: now)
            : data.link.send(recordQuery.command(read.locator), tag: tag, now: now)
    }

    private var mayKeepReads: Bool {
        #if CANARIES
            if !obligations.keeps(.keptOnlyWhileListening) { return true }
            if !obligations.keeps(.nothingKnownOfBeforeRegistration) { return lease.hears }
        #endif
        return lease.mayKeep
    }
}

// MARK: - Answers

extension Gatekeeper {
    private func takeDataEvent(_ event: RedisLink.Event, _ now: ClockReading) {
        switch event {
        case .ready:
            metrics.data.made()
            log.note(.storeReady, now.monotonic, "connected to the store at \(endpoint)")
            heartbeats.hurry(now.monotonic)
        case .reply(let tag, let reply): takeReply(tag, reply, now)
        case .lost(let failure, let unanswered): takeLoss(failure, unanswered, now)
        case .pushed: break
        }
    }

    private func takeReply(_ tag: CommandTag, _ reply: RedisReply, _ now: ClockReading) {
        switch tag.purpose {
        case .read: takeRecord(reply, read: Int(truncatingIfNeeded: tag.number), now)
        case .stampRead: takeStamp(reply, read: Int(truncatingIfNeeded: tag.number), now)
        case .uses:
            noteRefusal(reply, .usesRefused, "last uses were not recorded", now)
            usage.answered()
        case .askedUse: noteRefusal(reply, .usesRefused, "a last use was not recorded", now)
        case .refusals: noteRefusal(reply, .usesRefused, "refused uses were not recorded", now)
        case .entry: takeEntryReply(reply, tag, now)
        case .confirmation:
            noteRefusal(reply, .confirmationRefused, "a change could not be confirmed", now)
        case .ping, nil: break
        }
    }

    private func noteRefusal(
        _ reply: RedisReply,
        _ kind: EventLog.Kind,
        _ text: String,
        _ now: ClockReading
    ) {
        guard let error = reply.failure else { return }
        log.note(kind, now.monotonic, "\(text): \(error.message)")
    }

    private func takeRecord(_ reply: RedisReply, read: PendingChecks.ReadID, _ now: ClockReading) {
        guard let (locator, mayKeep) = pending.underWay(read) else { return }
        do throws(RecordFault) {
            let stored = try StoredRecord(reply)
            let record = try stored.activeRecord(at: locator, seal: seal)
            let version = record?.version ?? stored.provenVersion(at: locator, seal: seal)
            if let version, version < cache.version(of: locator) { throw RecordFault.outdated }
            let keys = record.flatMap { AcceptedKeys($0) }
            let stamp = keys == nil ? nil : self.stamp(of: stored)
            learn(keys, version, stamp, locator, mayKeep)
            settle(read, locator, keys, now)
        } catch {
            cache.forget(locator)
            log.note(.recordRefused, now.monotonic, "the record of locator \(locator) \(error)")
            pending.finish(read) { answer($0, .unavailable(locator), now) }
        }
    }

    /// A record that has its stamp is what it was; any other is read whole.
    private func takeStamp(_ reply: RedisReply, read: PendingChecks.ReadID, _ now: ClockReading) {
        guard let (locator, mayKeep) = pending.underWay(read) else { return }
        guard let stamp = RecordStamp(reply),
            let keys = cache.keys(ofStamped: locator, stamp)
        else {
            cache.dropStamp(locator)
            return pending.resend(read)
        }
        if mayKeep { cache.confirm(locator) }
        settle(read, locator, keys, now)
    }

    /// Under a lease few records are read again: a stamp would only take memory.
    private func stamp(of stored: StoredRecord) -> RecordStamp? {
        configuration.consistency == .strict ? stored.stamp : nil
    }

    private func settle(
        _ read: PendingChecks.ReadID,
        _ locator: Locator,
        _ keys: AcceptedKeys?,
        _ now: ClockReading
    ) {
        pending.finish(read) { decide($0, keys, now) }
        streams.settle(locator, keys, at: now.unix)
    }

    /// What may not be kept is at least remembered to be different from what is known.
    private func learn(
        _ keys: AcceptedKeys?,
        _ version: UInt64?,
        _ stamp: RecordStamp?,
        _ locator: Locator,
        _ mayKeep: Bool
    ) {
        guard !mayKeep else {
            let lostUse = cache.keep(keys, version: version, stamp: stamp, for: locator)
            if let lostUse { usage.record(lostUse.locator, at: lostUse.at) }
            return
        }
        if version != cache.version(of: locator) { cache.forget(locator) }
    }

    private func decide(_ check: PendingChecks.Check, _ keys: AcceptedKeys?, _ now: ClockReading) {
        let decision = Decision.compared(check.key.issued, with: keys, from: .store, at: now.unix)
        remember(check.key)
        switch decision.result {
        case .allowed: noteUse(check.key.locator, now.unix)
        case .revoked: refusals.record(check.key.locator, at: now.unix)
        default: break
        }
        answer(check, decision, now)
    }

    private func noteUse(_ locator: Locator, _ now: UnixTime) {
        if !cache.noteUse(of: locator, at: now) { usage.record(locator, at: now) }
    }

    private func takeLoss(_ failure: LinkFailure, _ unanswered: [CommandTag], _ now: ClockReading) {
        data.lost()
        metrics.data.ended()
        pending.overtakeAll()
        log.note(.storeLost, now.monotonic, "the store at \(endpoint): \(failure)")
        for tag in unanswered where tag.purpose == .read || tag.purpose == .stampRead {
            pending.resend(Int(truncatingIfNeeded: tag.number))
        }
        usage.resend(now.monotonic)
        if !data.link.isConnecting(now.monotonic) { giveUp(pending.takeAll(), now) }
    }
}
