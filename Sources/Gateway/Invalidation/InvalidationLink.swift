import KeyFormat
import Keyring
import RedisClient

/// The link on which Redis sends invalidations and broadcast messages, in order, and on which PINGs
/// show how far they have arrived.
struct InvalidationLink: ~Copyable {
    /// What arrived.
    enum Arrival {
        /// Redis sends invalidations from now on.
        case started
        case lost(LinkFailure)
        case invalidated(Locator)
        case invalidatedAll
        case barrier(BarrierID)
        case lastUseFlush(LastUseFlush)
        /// All invalidations up to this moment have arrived.
        case current(MonotonicTime)
    }

    private static let subscription = Subscription(
        trackedPrefix: Keyspace.recordPrefix,
        channels: [FleetChannel.name]
    )

    /// The connection: orders, bytes and deadlines go straight to it.
    var link: RedisLink
    private var heartbeat: Heartbeat

    /// The locators of an invalidation that are still to be handed out, the last one first.
    private var invalidated: [Locator] = []

    #if CANARIES
        var obligations = Obligations()
        private var held: [Arrival] = []
        private var reordered: [Arrival] = []
    #endif

    init(
        _ endpoint: Endpoint,
        database: Int,
        credentials: RedisCredentials?,
        timeoutMilliseconds: UInt64,
        _ interval: Heartbeat.Interval
    ) {
        link = RedisLink(
            LinkSettings(
                endpoint: endpoint,
                database: database,
                credentials: credentials,
                timeoutMilliseconds: timeoutMilliseconds,
                subscription: Self.subscription
            )
        )
        heartbeat = Heartbeat(interval)
    }

    /// When the next PING is due.
    var due: MonotonicTime { link.isReady ? heartbeat.due : .never }

    /// Sends a PING that is due. Its answer has to repeat its number.
    mutating func ping(_ now: MonotonicTime) {
        guard link.isReady, let number = heartbeat.next(now) else { return }
        let tag = CommandTag(purpose: .ping, number: number, sentAt: now)
        _ = link.send(RedisCommand("PING", .number(number)), tag: tag, now: now)
    }

    /// Makes the next PING due at once.
    mutating func renewNow(_ now: MonotonicTime) {
        heartbeat.renewNow(now)
    }

    /// What arrived next, in Redis' order.
    mutating func nextArrival(_ now: MonotonicTime) -> Arrival? {
        #if CANARIES
            if !obligations.keeps(.streamInOrder) { return nextReordered(now) }
        #endif
        return nextInOrder(now)
    }

    private mutating func nextInOrder(_ now: MonotonicTime) -> Arrival? {
        if !invalidated.isEmpty { return .invalidated(invalidated.removeLast()) }
        while let event = link.nextEvent() {
            if let arrival = arrival(event, now) { return arrival }
        }
        return nil
    }

    private mutating func arrival(_ event: RedisLink.Event, _ now: MonotonicTime) -> Arrival? {
        switch event {
        case .ready: return .started
        case .lost(let failure, _): return .lost(failure)
        case .reply(let tag, let reply): return pong(tag, reply, now)
        case .pushed(let message): return arrival(message)
        }
    }

    private mutating func arrival(_ message: PushedMessage) -> Arrival? {
        switch message.kind {
        case .invalidated:
            invalidated = message.keys.reversed().compactMap { Keyspace.locator(ofRecord: $0) }
            return invalidated.popLast().map { .invalidated($0) }
        case .invalidatedAll: return .invalidatedAll
        case .message where message.channel == FleetChannel.name:
            if let id = BarrierID(message.text) { return .barrier(id) }
            return LastUseFlush(message.text).map { .lastUseFlush($0) }
        case .message, .unreadable: return nil
        }
    }

    /// An error renews nothing. An answer to another PING shows that the stream cannot be trusted.
    private mutating func pong(_ tag: CommandTag, _ reply: RedisReply, _ now: MonotonicTime)
        -> Arrival?
    {
        guard reply.failure == nil else { return nil }
        guard Self.isPong(reply, number: tag.number) else {
            link.abandon(.unsolicited, now)
            return nil
        }
        return .current(provenAt(tag, now))
    }

    /// The moment from which an answered PING renews the lease.
    private func provenAt(_ tag: CommandTag, _ now: MonotonicTime) -> MonotonicTime {
        #if CANARIES
            if !obligations.keeps(.leaseCountsFromSending) { return now }
            if !obligations.keeps(.heartbeatIsMatched) { return heartbeat.lastAt }
        #endif
        return tag.sentAt
    }

    private static func isPong(_ reply: RedisReply, number: UInt64) -> Bool {
        guard case .array(let elements) = reply, elements.count == 2,
            case .bulk(let kind) = elements[0], case .bulk(let text) = elements[1]
        else { return false }
        return kind.spells("pong") && text.elementsEqual(String(number).utf8)
    }

    #if CANARIES
        /// Holds invalidations back until the answers and barriers behind them have been handed out,
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
