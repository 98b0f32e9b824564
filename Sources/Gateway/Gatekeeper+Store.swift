import KeyFormat
import Keyring
import RedisClient

/// The gatekeeper's links to the store, and the commands that it sends.
extension Gatekeeper {
    /// The next order for a connection. Called at the end of a turn of the event loop, it first combines
    /// all questions of the turn into one write.
    public func nextOrder(_ now: ClockReading) -> (link: UInt32, order: LinkOrder)? {
        sendQuestions(now.monotonic)
        if cluster.isUsed { return nextOrderInCluster() }
        if let order = nodes[0].nextOrder() { return order }
        return sentinels.isUsed ? sentinels.nextOrder() : nil
    }

    private func nextOrderInCluster() -> (link: UInt32, order: LinkOrder)? {
        for place in 0..<nodes.count {
            guard let (link, order) = nodes[place].nextOrder() else { continue }
            return (UInt32(place) * StoreNode.linkCount + link, order)
        }
        return cluster.seeds.nextOrder()
    }

    /// Where the server of a link listens; `nil` while that is not known.
    public func endpoint(link number: UInt32) -> Endpoint? {
        withLink(number) { $0.endpoint } ?? nil
    }

    /// Whether a link leads to a sentinel.
    public func isSentinel(link number: UInt32) -> Bool { sentinels.link(number) != nil }

    /// Whether other links make up for the loss of this one, so that it is logged only once.
    public func isSpare(link number: UInt32) -> Bool {
        isSentinel(link: number) || cluster.seeds.link(number) != nil
    }

    /// The host name or IP address that the certificate of a link's server must be valid for; `nil` for
    /// a connection without TLS.
    public func certificateName(link number: UInt32) -> String? {
        withLink(number) { $0.certificateName } ?? nil
    }

    /// Moves a link's output into a buffer; returns the number of bytes.
    public func drainOutput(link number: UInt32, into buffer: UnsafeMutableRawBufferPointer) -> Int
    {
        withLink(number) { $0.drainOutput(into: buffer) } ?? 0
    }

    /// A connection is established.
    public func linkOpened(_ number: UInt32, at now: ClockReading) {
        withLink(number) { $0.opened(now.monotonic) }
        handleEvents(ofLink: number, now)
    }

    /// A connection could not be established, or was lost.
    public func linkClosed(
        _ number: UInt32,
        _ failure: LinkFailure = .disconnected,
        at now: ClockReading
    ) {
        withLink(number) { $0.closed(now.monotonic, failure) }
        handleEvents(ofLink: number, now)
    }

    /// Bytes have arrived.
    public func linkReceived(
        _ number: UInt32,
        _ bytes: UnsafeRawBufferPointer,
        at now: ClockReading
    ) {
        withLink(number) { $0.received(bytes, now.monotonic) }
        handleEvents(ofLink: number, now)
    }

    private func place(ofLink number: UInt32) -> Int? {
        let place = Int(number / StoreNode.linkCount)
        return place < nodes.count ? place : nil
    }

    /// Passes a link to `body` and returns the result; `nil` if there is no such link.
    @discardableResult
    private func withLink<Result>(_ number: UInt32, _ body: (inout RedisLink) -> Result) -> Result?
    {
        if let sentinel = sentinels.link(number) { return body(&sentinel.link) }
        if cluster.isUsed, let seed = cluster.seeds.link(number) { return body(&seed.link) }
        guard let place = place(ofLink: number) else { return nil }
        return nodes[place].withLink(number % StoreNode.linkCount, body)
    }

    /// Handles the events of one link. In a cluster no others need to be looked at.
    private func handleEvents(ofLink number: UInt32, _ now: ClockReading) {
        guard cluster.isUsed else {
            if sentinels.isUsed { handleSentinelEvents(now) }
            return handleNodeEvents(0, now)
        }
        if let place = place(ofLink: number) { handleNodeEvents(place, now) }
        handleClusterEvents(now)
    }

    func handleEvents(_ now: ClockReading) {
        if sentinels.isUsed { handleSentinelEvents(now) }
        for place in 0..<nodes.count { handleNodeEvents(place, now) }
        if cluster.isUsed { handleClusterEvents(now) }
    }

    func handleNodeEvents(_ place: Int, _ now: ClockReading) {
        while let event = nodes[place].data.nextEvent() { handle(event, from: place, now) }
        handleArrivals(place, now)
    }

    func handleArrivals(_ place: Int, _ now: ClockReading) {
        while let arrival = nodes[place].invalidations.nextArrival(now.monotonic) {
            handle(arrival, from: place, now)
        }
    }
}

// MARK: - Commands

extension Gatekeeper {
    /// Whether the server in a place is attested as a primary, so that its replies decide.
    func isFenced(_ place: Int, _ now: MonotonicTime) -> Bool {
        #if CANARIES
            if !obligations.keeps(.readsAreFenced) { return true }
        #endif
        return now < nodes[place].lease.fencedUntil
    }

    /// Sends the reads and PINGs that the checks of this turn wait for.
    func sendQuestions(_ now: MonotonicTime) {
        if checks.awaitsProof {
            for place in 0..<nodes.count {
                nodes[place].askForProof(checks.newestAwaitedPing(to: place), now)
            }
        }
        guard checks.hasUnsentReads || streams.hasStale else { return }
        if cluster.isUsed {
            sendReadsToCluster(now)
        } else if nodes[0].data.isReady, isFenced(0, now) {
            sendReads(now)
        }
    }

    private func sendReads(_ now: MonotonicTime) {
        if streams.hasStale { for locator in streams.dequeueStale() { checks.want(locator) } }
        while let read = checks.nextUnsentRead(mayCache: mayCacheReads(of: 0)) {
            guard records.send(read, over: &nodes[0].data, now) else {
                return checks.requeue(read.id)
            }
            metrics.storeReads &+= 1
        }
    }

    /// Sends a command that is not repeated if the link is lost.
    func send(
        _ command: RedisCommand,
        _ purpose: CommandTag.Purpose,
        to place: Int,
        _ now: MonotonicTime
    ) {
        _ = nodes[place].data.send(command, tag: CommandTag(purpose: purpose), now: now)
    }

    /// Whether the replies of a node may fill the cache.
    func mayCacheReads(of place: Int) -> Bool {
        #if CANARIES
            if !obligations.keeps(.cachedOnlyWhileTracking) { return true }
            if !obligations.keeps(.emptyCacheOnJoin) || !obligations.keeps(.trustsOnlyAsMember) {
                return nodes[place].lease.isTracking
            }
        #endif
        return nodes[place].lease.isTracking && membership.registeredAt != nil
    }
}
