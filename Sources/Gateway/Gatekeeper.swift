import DequeModule
import KeyFormat
import Keyring
import RedisClient

/// One worker's gatekeeper: says of each credential whether it opens the gate.
///
/// A key that was not issued here is refused without the store. What is known of a record decides
/// while the lease holds; every other check reads the store. It does no I/O and reads no clock: the
/// owner tells what happened and when, carries out ``nextOrder(_:)`` and hands out
/// ``nextDecision()`` and ``nextEndedStream()`` after each call that takes bytes or time.
public final class Gatekeeper {
    /// What a check came to at once.
    public enum Admission {
        case decided(Decision)
        /// The decision comes later, with the request's mark. The ticket, never 0, cancels it.
        case waiting(ticket: UInt64)
    }

    /// Under what name the fleet knows the worker.
    public struct Identity: Sendable {
        let id: Member.ID
        let host: String
        let processID: UInt64

        /// - Parameter number: A random number that no other worker has.
        public init(number: UInt64, host: String, processID: UInt64) {
            id = Member.ID(number)
            self.host = host
            self.processID = processID
        }
    }

    /// What a check that waited has come to.
    public struct Answer {
        /// The caller's mark.
        public let request: UInt
        /// What was decided.
        public let decision: Decision
        let ticket: PendingChecks.Ticket
    }

    /// Checks that may wait for the store; more than a worker has connections.
    private static let waitingMax = 65_536

    /// Keys that are recognized without being active; clients that send them are few.
    private static let earlierMax = 16_384

    /// Organizations of which a last use may wait to be sent.
    private static let usesMax = 65_536

    let configuration: Configuration
    let identity: Identity
    let verifier: KeyVerifier
    let fingerprinter = Fingerprinter()
    let seal: RecordSeal
    let endpoint: Endpoint

    /// For what is asked and written.
    var data: StoreLink
    /// For what is told: changes of records, and barriers.
    var news: StoreLink

    var recordQuery = RecordQuery.record
    var stampQuery = RecordQuery.stamp

    let cache: RecordCache
    let earlierKeys = FormerKeys(countMax: earlierMax)
    var lease: Lease
    var heartbeats: Heartbeats
    var pending = PendingChecks(countMax: waitingMax)
    var decided: Deque<Answer> = []
    var streams = OpenStreams()
    var streamsDue = MonotonicTime.origin
    var usage = UsageRecorder(countMax: usesMax)
    var refusals = RefusalRecorder()
    var log = EventLog()
    var metrics = GatewayMetrics()
    var confirmedChanges = RecentBarriers()
    var isEnding = false
    var obligations = Obligations()

    #if CANARIES
        /// The clock as it was at the last tick, for the canary that decides by it.
        var staleClock = MonotonicTime.origin

        /// Changes that have come, for the canary that takes answers before them.
        var changesPutOff: [RedisLink.Event] = []

        /// Leaves an obligation out.
        func omit(_ obligation: Obligation) {
            obligations.omitted = obligation
            lease.trustsUnregistered = obligation == .trustsOnlyRegistered
            pending.joinsSent = obligation == .joinsOnlyUnsent
            cache.recognizesReplaced = obligation == .recognizesActiveOnly
            cache.believesAnyStamp = obligation == .stampIsCompared
        }
    #endif

    /// A gatekeeper that asks for its connections at its first tick.
    public init(_ configuration: Configuration, secrets: GatewaySecrets, identity: Identity) {
        self.configuration = configuration
        self.identity = identity
        verifier = KeyVerifier(prefix: configuration.prefix, peppers: secrets.peppers)
        seal = RecordSeal(peppers: secrets.peppers)
        switch configuration.topology {
        case .standalone(let url):
            endpoint = url.endpoint
            data = StoreLink(Self.settings(url, configuration, secrets))
            news = StoreLink(Self.settings(url, configuration, secrets, Self.subscription))
        }
        cache = RecordCache(countMax: configuration.cacheSize)
        lease = Lease(
            leaseMilliseconds: configuration.leaseMilliseconds,
            graceMilliseconds: configuration.graceMilliseconds
        )
        heartbeats = Heartbeats(leaseMilliseconds: configuration.leaseMilliseconds)
    }

    private static let subscription = Subscription(
        trackedPrefix: Keyspace.recordPrefix,
        channels: [FleetChannel.name]
    )

    private static func settings(
        _ url: StoreURL,
        _ configuration: Configuration,
        _ secrets: GatewaySecrets,
        _ subscription: Subscription? = nil
    ) -> LinkSettings {
        LinkSettings(
            database: url.database,
            credentials: secrets.credentials,
            timeoutMilliseconds: configuration.timeoutMilliseconds,
            subscription: subscription
        )
    }
}

// MARK: - Checks

extension Gatekeeper {
    /// Begins a check. `request` is the caller's mark, given back by ``nextDecision()``.
    public func check(_ credential: Span<UInt8>, request: UInt, at now: ClockReading) -> Admission {
        guard let locator = verifier.claimedLocator(in: credential),
            let slot = cache.slot(of: locator)
        else { return verify(credential, request, now) }
        let fingerprint = fingerprinter.fingerprint(of: credential)
        guard cache.isVerified(slot, fingerprint) else {
            guard let earlier = earlierKeys.key(fingerprint)
            else { return verify(credential, request, now) }
            return check(earlier, request, now)
        }
        if isTrusted(now.monotonic), let known = cache.admit(slot, at: now.unix) {
            return .decided(.recognized(known))
        }
        return check(cache.verifiedKey(slot), request, now)
    }

    /// Forgets a check whose decision was not handed out; unknown tickets do no harm.
    public func cancel(ticket number: UInt64) {
        let ticket = PendingChecks.Ticket(number: number)
        if pending.remove(ticket) == nil { decided.removeAll { $0.ticket == ticket } }
    }

    /// The next decision that has become known.
    public func nextDecision() -> Answer? { decided.isEmpty ? nil : decided.removeFirst() }

    /// Number of checks that wait for the store.
    public var waitingCount: Int { pending.count }

    private func verify(_ credential: Span<UInt8>, _ request: UInt, _ now: ClockReading)
        -> Admission
    {
        switch verifier.verdict(on: credential) {
        case .malformed: .decided(.fromText(.malformed))
        case .forged: .decided(.fromText(.forged))
        case .issued(let key):
            check(
                VerifiedKey(
                    issued: key,
                    fingerprint: fingerprinter.fingerprint(of: credential)
                ),
                request,
                now
            )
        }
    }

    private func check(_ key: VerifiedKey, _ request: UInt, _ now: ClockReading) -> Admission {
        if isTrusted(now.monotonic), let known = cache.knowledge(of: key.locator) {
            remember(key)
            return .decided(decide(key.issued, known, from: .cache, now))
        }
        return askStore(key, request, now)
    }

    /// A key that this worker has verified needs no HMAC the next time.
    func remember(_ key: VerifiedKey) {
        if !cache.remember(key) { earlierKeys.remember(key) }
    }

    private func isTrusted(_ now: MonotonicTime) -> Bool {
        #if CANARIES
            if !obligations.keeps(.lease) { return true }
            if !obligations.keeps(.freshClock) { return staleClock < lease.trustedUntil }
        #endif
        return now < lease.trustedUntil
    }

    private func askStore(_ key: VerifiedKey, _ request: UInt, _ now: ClockReading) -> Admission {
        if !data.link.isReady {
            if let decision = admitWithoutStore(key.issued, now) { return .decided(decision) }
            guard data.link.isConnecting(now.monotonic) else {
                return .decided(.unavailable(key.locator))
            }
        }
        let deadline = now.monotonic.advanced(byMilliseconds: configuration.timeoutMilliseconds)
        guard
            let ticket = pending.add(
                request: request,
                key: key,
                at: now.monotonic,
                deadline: deadline
            )
        else {
            log.note(.tooManyChecks, now.monotonic, "too many checks wait for the store")
            return .decided(.unavailable(key.locator))
        }
        return .waiting(ticket: ticket.number)
    }

    /// Lets a key in by what is cached, where the store cannot be asked. A key that this would refuse
    /// may be newer than the record.
    private func admitWithoutStore(_ key: KeyVerifier.IssuedKey, _ now: ClockReading) -> Decision? {
        guard now.monotonic < lease.knownUntil, let known = cache.knowledge(of: key.locator)
        else { return nil }
        let source = lease.isInGrace(now.monotonic) ? Decision.Source.grace : .cache
        let decision = Decision.compared(key, with: known.keys, from: source, at: now.unix)
        if obligations.keeps(.staleRecordRefusesNobody) {
            guard decision.result == .allowed || isTrusted(now.monotonic) else { return nil }
        }
        return note(decision, known, now)
    }

    private func decide(
        _ key: KeyVerifier.IssuedKey,
        _ known: RecordCache.Knowledge,
        from source: Decision.Source,
        _ now: ClockReading
    ) -> Decision {
        note(.compared(key, with: known.keys, from: source, at: now.unix), known, now)
    }

    private func note(
        _ decision: Decision,
        _ known: RecordCache.Knowledge,
        _ now: ClockReading
    ) -> Decision {
        switch decision.result {
        case .allowed: cache.noteUse(known.slot, at: now.unix)
        case .revoked: if let locator = decision.locator { refusals.record(locator, at: now.unix) }
        default: break
        }
        return decision
    }

    /// Answers checks that the store has not answered in time.
    func giveUp(_ checks: [PendingChecks.Check], _ now: ClockReading) {
        for check in checks {
            let decision = admitWithoutStore(check.key.issued, now)
            answer(check, decision ?? .unavailable(check.key.locator), now)
        }
    }

    /// Ends the wait of a check.
    func answer(_ check: PendingChecks.Check, _ decision: Decision, _ now: ClockReading) {
        metrics.storeWaits.add(from: check.since, to: now.monotonic)
        decided.append(Answer(request: check.request, decision: decision, ticket: check.ticket))
    }
}

// MARK: - Open requests

extension Gatekeeper {
    /// Notes that a request which was let in is open. Returns its stream, never 0.
    public func openStream(_ request: UInt, _ locator: Locator, _ key: Decision.StreamKey) -> UInt64
    {
        let handle = streams.open(request, locator, key: key.keyID, until: key.until)
        // News, or a later answer, may have come between the store's answer and this.
        if lease.hears, !cache.knows(locator, accepting: key) { streams.doubt(locator) }
        return handle.number
    }

    /// Forgets an open request; unknown streams do no harm.
    public func closeStream(_ stream: UInt64) {
        streams.close(OpenStreams.Handle(number: stream))
    }

    /// The next open request whose key has ended.
    public func nextEndedStream() -> UInt? {
        let request = streams.nextEnded()
        if request != nil { metrics.streamsEnded &+= 1 }
        return request
    }
}

// MARK: - Time

extension Gatekeeper {
    /// How often open requests are looked through for keys that have expired.
    private static let streamsPauseMilliseconds: UInt64 = 250

    /// Lets time pass. Returns when to call again.
    public func tick(_ now: ClockReading) -> MonotonicTime {
        #if CANARIES
            staleClock = now.monotonic
        #endif
        if hasReadsToSend { sendReads(now.monotonic) }
        let deadline = nextDeadline
        guard deadline <= now.monotonic else { return deadline }
        doWhatIsDue(now)
        return nextDeadline
    }

    private func doWhatIsDue(_ now: ClockReading) {
        data.link.tick(now.monotonic)
        news.link.tick(now.monotonic)
        takeEvents(now)
        giveUp(pending.takeOverdue(now.monotonic), now)
        endExpiredStreams(now)
        sendHeartbeats(now)
        watchStreams(now.monotonic)
        sendUses(now.monotonic)
        log.writeLate(now.monotonic)
    }

    /// Ends all trust in what is known, and puts into the output what the store is still to hear:
    /// all last uses, however young they are, and that this worker has left.
    public func finish(_ now: ClockReading) {
        isEnding = true
        lease.registeredNoMore()
        usage.hurry(now.monotonic)
        refusals.hurry(now.monotonic)
        sendUses(now.monotonic)
        withdrawEntry(now.monotonic)
    }

    /// Whether the store has confirmed all that was written to it.
    public var isSettled: Bool { unsettledCount == 0 }

    /// How much is left that the store has not confirmed.
    public var unsettledCount: Int {
        usage.count + cache.usesCount + refusals.count + (data.link.isIdle ? 0 : 1)
    }

    /// What has been counted, and how things stand.
    public func readMetrics() -> GatewayMetrics {
        var metrics = metrics
        metrics.cacheEvictions = cache.evictionCount
        metrics.cacheRecords = UInt64(cache.count)
        metrics.streamsOpen = UInt64(streams.count)
        metrics.trustedUntil = lease.trustedUntil
        return metrics
    }

    /// The next line for the error log.
    public func nextLogLine() -> EventLog.Line? { log.next() }

    private var nextDeadline: MonotonicTime {
        var next = min(data.link.deadline, news.link.deadline, pending.deadline, log.due)
        if streams.hasLimited { next = min(next, streamsDue) }
        if data.link.isReady { next = min(next, usesDue, streamsWatchDue) }
        return min(next, heartbeatsDue)
    }

    private func endExpiredStreams(_ now: ClockReading) {
        guard streams.hasLimited, streamsDue <= now.monotonic else { return }
        streamsDue = now.monotonic.advanced(byMilliseconds: Self.streamsPauseMilliseconds)
        streams.endExpired(at: now.unix)
    }
}
