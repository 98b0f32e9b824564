import KeyFormat
import Keyring
import RedisClient

/// The link on which Redis sends invalidations and signals, in order. PINGs on it prove up to when all have
/// arrived.
struct InvalidationLink: ~Copyable {
    /// An event on the link.
    enum Arrival {
        /// Redis sends invalidations from now on.
        case started
        case lost(LinkFailure)
        case invalidated(Locator)
        case invalidatedAll
        /// Handed out after all invalidations of its message.
        case signal(Signal)
        /// A PING was answered: ``InvalidationLink/pings`` shows what that proves.
        case answered
        /// A PING was refused, which proves nothing.
        case refused
    }

    /// The connection: orders, bytes and deadlines go straight to it.
    var link: RedisLink

    /// The PINGs, and the proofs by their answers.
    var pings = PingLog()
    private var heartbeat: Heartbeat
    private var pingCommand = PingCommand()

    /// The rest of a message, in reverse order: records are handed out before signals.
    private var invalidated: [Locator] = []
    private var signals: [Signal] = []

    #if CANARIES
        var obligations = Obligations()
        private var held: [Arrival] = []
        private var reordered: [Arrival] = []
    #endif

    init(_ settings: LinkSettings, _ interval: Heartbeat.Interval) {
        link = RedisLink(settings)
        heartbeat = Heartbeat(interval)
    }

    /// When the next PING is due.
    var due: MonotonicTime { link.isReady ? heartbeat.due : .never }

    /// The number of the next PING.
    var nextNumber: UInt64 { heartbeat.last + 1 }

    /// Sends a PING that is due. Its answer has to repeat its number.
    mutating func ping(_ now: MonotonicTime) {
        guard link.isReady, let number = heartbeat.next(now) else { return }
        let tag = CommandTag(purpose: .ping, number: number, sentAt: now)
        _ = link.send(pingCommand.numbered(number), tag: tag, now: now)
        pings.sent(number, at: now)
    }

    /// Sends a PING now.
    mutating func ask(_ now: MonotonicTime) {
        heartbeat.renewNow(now)
        ping(now)
    }

    /// Makes the next PING due at once.
    mutating func renewNow(_ now: MonotonicTime) {
        heartbeat.renewNow(now)
    }

    /// The next event, in the order of Redis.
    mutating func nextArrival(_ now: MonotonicTime) -> Arrival? {
        #if CANARIES
            if !obligations.keeps(.streamInOrder) { return nextReordered(now) }
        #endif
        return nextInOrder(now)
    }

    private mutating func nextInOrder(_ now: MonotonicTime) -> Arrival? {
        if let arrival = nextInvalidation() { return arrival }
        while let event = link.nextEvent() {
            if let arrival = arrival(event, now) ?? nextInvalidation() { return arrival }
        }
        return nil
    }

    private mutating func nextInvalidation() -> Arrival? {
        if let locator = invalidated.popLast() { return .invalidated(locator) }
        return signals.popLast().map { .signal($0) }
    }

    private mutating func arrival(_ event: RedisLink.Event, _ now: MonotonicTime) -> Arrival? {
        switch event {
        case .ready: return .started
        case .lost(let failure, _):
            pings.reset()
            return .lost(failure)
        case .reply(let tag, let reply): return pong(tag, reply, now)
        case .invalidated(let invalidation): return arrival(invalidation)
        }
    }

    private mutating func arrival(_ invalidation: Invalidation) -> Arrival? {
        enqueue(invalidation.keys)
        return invalidation.scope == .all ? .invalidatedAll : nil
    }

    /// Queues a whole message. A barrier invalidates the record that it names, so the order of the keys does not
    /// matter.
    private mutating func enqueue(_ keys: [ArraySlice<UInt8>]) {
        for key in keys.reversed() {
            switch TrackedKey(key) {
            case .record(let locator): invalidated.append(locator)
            case .signal(let signal): signals.append(signal)
            case nil: break
            }
        }
        for signal in signals where signal.kind == .barrier && invalidated != [signal.locator] {
            invalidated.append(signal.locator)
        }
    }

    /// An error proves nothing. An answer to another PING shows that the stream cannot be trusted.
    private mutating func pong(_ tag: CommandTag, _ reply: RedisReply, _ now: MonotonicTime)
        -> Arrival?
    {
        if reply.refusesWrites {
            return pings.answered(tag.number, at: now) ? .answered : nil
        }
        guard reply.failure == nil else {
            pings.refused()
            return .refused
        }
        guard PingCommand.isAnswer(reply, to: tag.number), pings.answered(tag.number, at: now)
        else {
            link.abandon(.unsolicited, now)
            return nil
        }
        return .answered
    }

    #if CANARIES
        /// Holds invalidations back until the answers and barriers after them have been handed out,
        /// and more has arrived.
        private mutating func nextReordered(_ now: MonotonicTime) -> Arrival? {
            if reordered.isEmpty, let first = nextInOrder(now) {
                let released = held
                held = []
                var next: Arrival? = first
                while let arrival = next {
                    if case .invalidated = arrival {
                        held.append(arrival)
                    } else {
                        reordered.append(arrival)
                    }
                    next = nextInOrder(now)
                }
                reordered += released
            }
            return reordered.isEmpty ? nil : reordered.removeFirst()
        }
    #endif
}
