import KeyFormat
import Keyring
import RedisClient

/// One worker's gatekeeper: decides whether a credential is valid.
///
/// A key that was not issued here is refused without the store. A cached record decides while the lease
/// holds; every other check reads the store. The gatekeeper does no I/O and reads no clock: its owner
/// reports what happened and when, carries out ``nextOrder(_:)``, and hands out ``nextDecision()`` and
/// ``nextEndedStream()`` after each call that passes in bytes or time.
///
/// It connects values that own what they decide: see `Documentation.md`.
public final class Gatekeeper {
    /// What a check came to at once.
    public enum Admission {
        case decided(Decision)
        /// The decision follows, with the request's data. The ticket, never 0, cancels the check.
        case waiting(ticket: UInt64)
    }

    /// How this worker appears in the membership list.
    public struct Identity: Sendable {
        let id: Member.ID
        let host: String
        let processID: UInt64
        let generator: any RandomNumberGenerator & Sendable

        /// - Parameters:
        ///   - number: A random number that no other worker has.
        ///   - generator: Draws the tokens of registrations.
        public init(
            number: UInt64,
            host: String,
            processID: UInt64,
            generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
        ) {
            id = Member.ID(number)
            self.host = host
            self.processID = processID
            self.generator = generator
        }
    }

    /// Checks that may wait for the store: more than a worker has connections.
    private static let waitingMax = 65_536

    /// The store's primaries. There is one unless the store is a cluster.
    var nodes: StoreNodes
    var sentinels: Sentinels
    var cluster: Cluster

    /// Makes the node for one more primary of a cluster.
    let makeNode: (_ place: Int) -> StoreNode

    let cache: RecordCache
    let credentials: CredentialReader
    var records: RecordReader
    var membership: WorkerMembership
    var term: TermWatch
    var checks: Checks
    var streams: StreamSupervisor
    var uses: KeyUses
    var flushes = PendingFlushes()
    var recentBarriers = RecentBarriers()
    var log = EventLog()
    var metrics = GatewayMetrics()
    let isStrict: Bool
    var isEnding = false
    var leaveDeadline = MonotonicTime.never
    var obligations = Obligations()

    #if CANARIES
        /// The clock as it was at the last tick, for the canary that decides by it.
        var staleClock = MonotonicTime.origin

        /// Leaves obligations out.
        func omit(_ omitted: Set<Obligation>) {
            obligations.omitted = omitted
            for place in 0..<nodes.count { nodes[place].omit(omitted) }
            membership.believesAnyEntry = omitted.contains(.entryIsCompared)
            checks.joinsSent = omitted.contains(.joinsOnlyUnsent)
            cache.recognizesReplaced = omitted.contains(.recognizesActiveOnly)
            cache.comparesAllVersions = omitted.contains(.versionsOfOnePrimary)
            sentinels.attestation.oneSuffices = omitted.contains(.majorityAttests)
            sentinels.attestation.countsFromArrival = omitted.contains(.attestationCountsFromAsking)
            term.skipsWait = omitted.contains(.handoverAfterAttestation)
            cluster.witnesses.oneSuffices = omitted.contains(.majorityAttests)
            cluster.witnesses.countsFromArrival = omitted.contains(.attestationCountsFromAsking)
            cluster.witnesses.asksItself = !obligations.keeps(.attestedByOthers)
        }
    #endif

    /// A gatekeeper that orders its connections at the first tick.
    public init(_ configuration: Configuration, secrets: GatewaySecrets, identity: Identity) {
        let interval = Heartbeat.Interval(leaseMilliseconds: configuration.leaseMilliseconds)
        let credentials = secrets.credentials
        let makeNode: (Int) -> StoreNode = { place in
            StoreNode(configuration, credentials, interval, place: place)
        }
        self.makeNode = makeNode
        var nodes = StoreNodes(countMax: StoreNode.placeCount(configuration.topology))
        switch configuration.topology {
        case .standalone:
            nodes.add(makeNode(0))
            sentinels = Sentinels()
            cluster = Cluster()
        case .sentinel(let url):
            nodes.add(makeNode(0))
            sentinels = Sentinels(url, configuration, secrets.sentinelCredentials)
            cluster = Cluster()
        case .cluster(let url):
            sentinels = Sentinels()
            cluster = Cluster(url, configuration, credentials)
        }
        self.nodes = nodes
        term = TermWatch(needsAttestation: configuration.topology.hasFailover)
        isStrict = configuration.consistency == .strict
        cache = RecordCache(
            countMax: configuration.cacheSize,
            nodeCount: StoreNode.numberCount(configuration.topology),
            hasSlots: cluster.isUsed
        )
        self.credentials = CredentialReader(
            KeyVerifier(prefix: configuration.prefix, peppers: secrets.peppers),
            cache
        )
        records = RecordReader(cache, RecordSeal(peppers: secrets.peppers))
        membership = WorkerMembership(identity, configuration, interval)
        checks = Checks(
            countMax: Self.waitingMax,
            timeoutMilliseconds: configuration.timeoutMilliseconds
        )
        streams = StreamSupervisor(interval)
        uses = KeyUses(cache)
    }
}

// MARK: - Open requests

extension Gatekeeper {
    /// Adds an admitted request, to be ended with its key. Returns its stream, never 0.
    public func openStream(_ request: UInt, _ locator: Locator, _ key: Decision.StreamKey) -> UInt64
    {
        let isCurrent = cluster.place(of: locator).map { isUnchanged(locator, key, $0) } ?? false
        return streams.open(request, locator, key, isCurrent: isCurrent)
    }

    /// Whether nothing has arrived since the decision: no invalidation, no newer reply, no other primary.
    private func isUnchanged(_ locator: Locator, _ key: Decision.StreamKey, _ place: Int) -> Bool {
        guard nodes[place].lease.isTracking else { return true }
        return !nodes[place].lease.holdsFormer && cache.contains(locator, accepting: key)
    }

    /// Removes an open request. Unknown streams are ignored.
    public func closeStream(_ stream: UInt64) { streams.close(stream) }

    /// The next open request whose key has ended.
    public func nextEndedStream() -> UInt? { streams.nextEnded() }
}

// MARK: - Time

extension Gatekeeper {
    /// Does what is due. Returns when to call again.
    public func tick(_ now: ClockReading) -> MonotonicTime {
        #if CANARIES
            staleClock = now.monotonic
        #endif
        sendQuestions(now.monotonic)
        let deadline = nextDeadline
        guard deadline <= now.monotonic else { return deadline }
        doWhatIsDue(now)
        return nextDeadline
    }

    /// Counters and gauges.
    public func readMetrics() -> GatewayMetrics {
        var metrics = metrics
        metrics.storeWaits = checks.waits
        metrics.cacheEvictions = cache.evictionCount
        metrics.cacheRecords = UInt64(cache.count)
        metrics.streamsEnded = streams.endedCount
        metrics.streamsOpen = UInt64(streams.count)
        metrics.trustedUntil = earliest { $0.trustedUntil }
        metrics.attestedUntil = earliest { $0.fencedUntil }
        metrics.usesCluster = cluster.isUsed
        metrics.primariesConnected = UInt64(places.count { nodes[$0].data.isReady })
        metrics.mapChanges = cluster.mapChanges
        metrics.sentinels = UInt64(sentinels.count)
        metrics.sentinelsConnected = UInt64(sentinels.connectedCount)
        return metrics
    }

    /// The next line for the error log.
    public func nextLogLine() -> EventLog.Line? { log.next() }

    private var nextDeadline: MonotonicTime {
        var next = min(checks.deadline, log.due, streams.due)
        for place in 0..<nodes.count { next = min(next, nodes[place].deadline) }
        if sentinels.isUsed { next = min(next, sentinelsDue) }
        if cluster.isUsed { next = min(next, clusterDue) }
        let isReady = isAnyReady
        if isReady { next = min(next, uses.due) }
        guard !isEnding else { return min(next, leaveDue) }
        for place in 0..<nodes.count { next = min(next, nodes[place].invalidations.due) }
        guard isReady else { return next }
        return min(next, membershipDue, watchDue)
    }

    private var membershipDue: MonotonicTime {
        guard let list = cluster.listPlace, nodes[list].data.isReady else { return .never }
        return min(membership.due(trackingOfList), term.due)
    }

    private var watchDue: MonotonicTime {
        guard obligations.keeps(.streamsAreWatched) else { return .never }
        return streams.watchDue { span in earliest { $0.isCurrentUntil(span) } }
    }

    private func doWhatIsDue(_ now: ClockReading) {
        if sentinels.isUsed { tickSentinels(now) }
        if cluster.isUsed { tickCluster(now) }
        for place in 0..<nodes.count { nodes[place].tick(now.monotonic) }
        handleEvents(now)
        checks.answerOverdue(at: now.monotonic) { check in
            if cluster.isUsed { reportUnread(check.key.locator, now.monotonic) }
            return decideUnanswered(check, now)
        }
        streams.endExpired(at: now)
        streams.retryUnread(now.monotonic)
        if !isEnding { sendHeartbeats(now.monotonic) }
        sendUses(now.monotonic)
        leaveIfDue(now.monotonic)
        log.writeLate(now.monotonic)
    }

    private func sendHeartbeats(_ now: MonotonicTime) {
        for place in 0..<nodes.count { nodes[place].invalidations.ping(now) }
        guard isAnyReady else { return }
        if let list = cluster.listPlace, nodes[list].data.isReady { keepMembership(list, now) }
        if watchDue <= now { streams.watch(now) }
    }

    private func keepMembership(_ list: Int, _ now: MonotonicTime) {
        for (command, tag) in membership.nextCommands(trackingOfList, at: now) {
            _ = nodes[list].data.send(command, tag: tag, now: now)
        }
        renewLeases()
        if let command = term.next(now) { send(command, .handover, to: list, now) }
    }
}
