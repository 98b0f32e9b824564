import Keyring
import RedisClient

/// A store server as this worker sees it: the link that carries reads and writes, the link on which
/// invalidations come, and how long its records may be used.
struct StoreNode: ~Copyable {
    /// Distinguishes the node: the cache's records carry it.
    let number: UInt8 = 0

    /// The link that carries reads and writes.
    var data: RedisLink
    var invalidations: InvalidationLink
    var lease: NodeLease

    init(
        _ url: StoreURL,
        _ configuration: Configuration,
        _ credentials: RedisCredentials?,
        _ interval: Heartbeat.Interval
    ) {
        data = RedisLink(Self.settings(url, configuration, credentials))
        invalidations = InvalidationLink(
            Self.settings(url, configuration, credentials, trackedPrefix: TrackedKey.prefix),
            interval
        )
        lease = NodeLease(
            leaseMilliseconds: configuration.leaseMilliseconds,
            graceMilliseconds: configuration.graceMilliseconds
        )
    }

    private static func settings(
        _ url: StoreURL,
        _ configuration: Configuration,
        _ credentials: RedisCredentials?,
        trackedPrefix: String? = nil
    ) -> LinkSettings {
        LinkSettings(
            endpoint: url.endpoint,
            certificateName: configuration.tls?.name(of: url.endpoint),
            database: url.database,
            credentials: credentials,
            timeoutMilliseconds: configuration.timeoutMilliseconds,
            trackedPrefix: trackedPrefix
        )
    }
}

// MARK: - Links by number

extension StoreNode {
    /// The numbers of the links.
    private static let dataNumber: UInt32 = 0
    private static let invalidationNumber: UInt32 = 1

    /// The next order for a connection.
    mutating func nextOrder() -> (link: UInt32, order: LinkOrder)? {
        if let order = data.nextOrder() { return (Self.dataNumber, order) }
        return invalidations.link.nextOrder().map { (Self.invalidationNumber, $0) }
    }

    /// Where the server of a link listens.
    func endpoint(link number: UInt32) -> Endpoint {
        number == Self.invalidationNumber ? invalidations.link.endpoint : data.endpoint
    }

    /// What the certificate of a link's server must be valid for; `nil` without TLS.
    func certificateName(link number: UInt32) -> String? {
        number == Self.invalidationNumber
            ? invalidations.link.certificateName : data.certificateName
    }

    /// Moves a link's output into a buffer; returns the number of bytes.
    mutating func drainOutput(
        link number: UInt32,
        into buffer: UnsafeMutableRawBufferPointer
    ) -> Int {
        switch number {
        case Self.dataNumber: data.drainOutput(into: buffer)
        case Self.invalidationNumber: invalidations.link.drainOutput(into: buffer)
        default: 0
        }
    }

    /// Passes a link to `body`; nothing where there is no such link.
    mutating func withLink(_ number: UInt32, _ body: (inout RedisLink) -> Void) {
        switch number {
        case Self.dataNumber: body(&data)
        case Self.invalidationNumber: body(&invalidations.link)
        default: break
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
        lease.isTracking && membership.registeredAt != nil
    }

    /// Sends the PING that the waiting checks need, once none is on its way: the busier a worker, the more
    /// checks share one. Where two in sequence are needed, none waits for another's.
    mutating func askForProof(_ checks: borrowing Checks, _ now: MonotonicTime) {
        guard let newest = checks.newestAwaitedPing else { return }
        let isDue =
            invalidations.pings.answersMayOvertake
            ? invalidations.pings.needsAnother(for: newest)
            : !invalidations.pings.isPending
        if isDue { invalidations.ask(now) }
    }
}
