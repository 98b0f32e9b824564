import Keyring
import RedisClient

/// A server of the store: the data link, the invalidation link, and the lease of its records.
///
/// With sentinels or in a cluster, another server may replace it.
struct StoreNode: ~Copyable {
    /// The number of primaries in one place that the cache can distinguish.
    private static let primariesMax: UInt8 = 4

    /// Places for primaries in this topology.
    static func placeCount(_ topology: Topology) -> Int {
        if case .cluster = topology { Seats.countMax } else { 1 }
    }

    /// Numbers that nodes have in this topology.
    static func numberCount(_ topology: Topology) -> UInt8 {
        UInt8(placeCount(topology)) * numbersPerPlace(topology)
    }

    private static func numbersPerPlace(_ topology: Topology) -> UInt8 {
        topology.hasFailover ? primariesMax : 1
    }

    /// Distinguishes the node: the cache's records carry it. Each primary has the next one.
    private(set) var number: UInt8

    /// The numbers of the primaries in this place.
    let numbers: Range<UInt8>

    /// The link that carries reads and writes.
    var data: RedisLink
    var invalidations: InvalidationLink
    var lease: NodeLease

    /// Whether the server has said that it is a replica. If it becomes a primary, it begins a new term.
    var hasBeenReplica = false

    /// Whether the links have connections that count.
    var isDataUp = false
    var isInvalidationUp = false

    private let tls: StoreTLS?

    /// - Parameter place: The place among several primaries.
    init(
        _ configuration: Configuration,
        _ credentials: RedisCredentials?,
        _ interval: Heartbeat.Interval,
        place: Int
    ) {
        data = RedisLink(Self.settings(configuration, credentials))
        invalidations = InvalidationLink(
            Self.settings(configuration, credentials, trackedPrefix: TrackedKey.prefix),
            interval
        )
        lease = NodeLease(configuration, isAttested: configuration.topology.hasFailover)
        tls = configuration.tls
        let count = Self.numbersPerPlace(configuration.topology)
        let first = UInt8(truncatingIfNeeded: place) &* count
        numbers = first..<first + count
        number = first
    }

    #if CANARIES
        /// Leaves obligations out.
        mutating func omit(_ omitted: Set<Obligation>) {
            invalidations.obligations.omitted = omitted
            invalidations.pings.countsFromArrival = omitted.contains(.leaseCountsFromSending)
            invalidations.pings.countsNewest = omitted.contains(.heartbeatIsMatched)
            invalidations.pings.believesFirstAnswer = omitted.contains(.leaseByEarlierAnswer)
            lease.restartsGrace = omitted.contains(.graceIsNotRestarted)
        }
    #endif

    private static func settings(
        _ configuration: Configuration,
        _ credentials: RedisCredentials?,
        trackedPrefix: String? = nil
    ) -> LinkSettings {
        let url: StoreURL? =
            switch configuration.topology {
            case .standalone(let url): url
            case .sentinel, .cluster: nil
            }
        return LinkSettings(
            endpoint: url?.endpoint,
            certificateName: url.flatMap { configuration.tls?.name(of: $0.endpoint) },
            database: url?.database ?? 0,
            credentials: credentials,
            timeoutMilliseconds: configuration.timeoutMilliseconds,
            replyLengthMax: replyLengthMax(configuration.topology),
            trackedPrefix: trackedPrefix,
            requiresPrimary: configuration.topology.hasFailover
        )
    }

    private static func replyLengthMax(_ topology: Topology) -> Int {
        if case .cluster = topology { SlotMap.replyLengthMax } else { LinkSettings.replyLengthMax }
    }

    /// Where the server listens; `nil` before the sentinels, or the cluster, have named one.
    var endpoint: Endpoint? { data.endpoint }

    /// The endpoint for people.
    var name: String { data.endpoint?.description ?? "an unknown address" }

    /// Another server takes the place of this one: both links are closed, and opened to that.
    mutating func follow(_ primary: Endpoint, _ now: MonotonicTime) {
        let name = tls?.name(of: primary)
        data.move(to: primary, certificateName: name, now)
        invalidations.link.move(to: primary, certificateName: name, now)
    }

    /// Takes the next number: what was read before says nothing of what is read from now on.
    mutating func renumber() {
        number = number + 1 < numbers.upperBound ? number + 1 : numbers.lowerBound
    }

    /// No server takes the place of this one: both links are closed.
    mutating func release(_ now: MonotonicTime) {
        data.release(now)
        invalidations.link.release(now)
    }

    /// The events of the links to the server before have been handled: from now on there is another.
    mutating func primaryChanged(_ now: MonotonicTime) {
        hasBeenReplica = false
        invalidations.pings.reset()
        lease.primaryChanged(now)
    }

    /// Ends pauses between attempts to connect.
    mutating func retryNow(_ now: MonotonicTime) {
        data.retryNow(now)
        invalidations.link.retryNow(now)
    }

    /// The server is no primary: both links are closed, and opened anew after a pause.
    mutating func abandon(_ now: MonotonicTime) {
        data.abandon(.notPrimary, now)
        invalidations.link.abandon(.notPrimary, now)
    }
}

// MARK: - Links by number

extension StoreNode {
    /// The numbers of the links.
    private static let dataNumber: UInt32 = 0
    private static let invalidationNumber: UInt32 = 1

    /// How many there are.
    static let linkCount: UInt32 = 2

    /// The next order for a connection.
    mutating func nextOrder() -> (link: UInt32, order: LinkOrder)? {
        if let order = data.nextOrder() { return (Self.dataNumber, order) }
        return invalidations.link.nextOrder().map { (Self.invalidationNumber, $0) }
    }

    /// Passes a link to `body` and returns the result; `nil` if there is no such link.
    mutating func withLink<Result>(_ number: UInt32, _ body: (inout RedisLink) -> Result) -> Result?
    {
        switch number {
        case Self.dataNumber: body(&data)
        case Self.invalidationNumber: body(&invalidations.link)
        default: nil
        }
    }

    /// When a link has something to do.
    var deadline: MonotonicTime { min(data.deadline, invalidations.link.deadline) }

    /// Lets the links do what is due.
    mutating func tick(_ now: MonotonicTime) {
        data.tick(now)
        invalidations.link.tick(now)
    }
}

// MARK: - Proofs for strict checks

extension StoreNode {
    /// Whether a check can wait for a proof that what is cached is current.
    func canProve(_ membership: borrowing WorkerMembership) -> Bool {
        lease.isTracking && !lease.holdsFormer && !invalidations.pings.isRefused
            && membership.registeredAt != nil
    }

    /// Sends the PING that the waiting checks need, once none is on its way: the busier a worker, the more
    /// checks share one. Where two in sequence are needed, none waits for another's.
    ///
    /// - Parameter newest: The newest PING that checks wait for.
    mutating func askForProof(_ newest: UInt64?, _ now: MonotonicTime) {
        guard let newest else { return }
        let isDue =
            invalidations.pings.answersMayOvertake
            ? invalidations.pings.needsAnother(for: newest)
            : !invalidations.pings.isPending
        if isDue { invalidations.ask(now) }
    }
}
