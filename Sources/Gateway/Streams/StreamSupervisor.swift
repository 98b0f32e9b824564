import KeyFormat
import Keyring
import RedisClient

/// Ends open requests with their keys: when an invalidation, a watch or the clock says so.
///
/// While invalidations may be missing, the records of open requests are read within each lease.
struct StreamSupervisor: ~Copyable {
    /// How often open requests are searched for expired keys.
    private static let expiryIntervalMilliseconds: UInt64 = 250

    private let detectionMilliseconds: UInt64
    private var streams = OpenStreams()
    private var expiryDue = MonotonicTime.origin
    private var nextWatch = MonotonicTime.origin

    /// The organizations whose records could not be read, and when that is tried again.
    private var unread: Set<Locator> = []
    private var retryDue = MonotonicTime.never
    private static let retryMilliseconds: UInt64 = 250

    /// Number of requests handed out to be ended.
    private(set) var endedCount: UInt64 = 0

    init(_ interval: Heartbeat.Interval) {
        detectionMilliseconds = interval.detectionMilliseconds
    }

    /// Number of open requests.
    var count: Int { streams.count }

    /// Whether records are to be read for open requests.
    var hasStale: Bool { streams.hasStale }

    /// Adds an open request; returns its handle's number, never 0.
    ///
    /// - Parameter isCurrent: Whether the key is known to be valid now, not only when it was checked.
    mutating func open(
        _ request: UInt,
        _ locator: Locator,
        _ key: Decision.StreamKey,
        isCurrent: Bool
    ) -> UInt64 {
        let handle = streams.open(request, locator, key: key.keyID, until: key.until)
        if !isCurrent { streams.markStale(locator) }
        return handle.number
    }

    /// Removes a request that has ended. Unknown handles are ignored.
    mutating func close(_ stream: UInt64) {
        streams.close(OpenStreams.Handle(number: stream))
    }

    /// The next request to be ended.
    mutating func nextEnded() -> UInt? {
        let request = streams.nextEnded()
        if request != nil { endedCount &+= 1 }
        return request
    }

    /// A record may have changed: it is to be read if open requests depend on it.
    mutating func markStale(_ locator: Locator) {
        streams.markStale(locator)
    }

    /// The records in these slots of a cluster may have changed.
    mutating func markStale(in slots: SlotSet) {
        streams.markStale { slots.contains(Slot(of: $0)) }
    }

    /// Any record may have changed.
    mutating func markAllStale() {
        streams.markAllStale()
    }

    /// The organizations whose records are to be read now.
    mutating func dequeueStale() -> [Locator] { streams.dequeueStale() }

    /// A record was read: ends the requests whose keys it no longer accepts.
    mutating func update(_ locator: Locator, _ keys: AcceptedKeys?, at now: UnixTime) {
        streams.update(locator, keys, at: now)
    }

    /// A record could not be read.
    mutating func unreadable(_ locator: Locator, _ now: MonotonicTime) {
        guard streams.contains(locator) else { return }
        unread.insert(locator)
        retryDue = min(retryDue, now.advanced(byMilliseconds: Self.retryMilliseconds))
    }

    /// When something is due.
    var due: MonotonicTime { min(endExpiredDue, retryDue) }

    /// Marks the records stale that could not be read, if it is time to read them again.
    mutating func retryUnread(_ now: MonotonicTime) {
        guard retryDue <= now else { return }
        for locator in unread { streams.markStale(locator) }
        unread.removeAll(keepingCapacity: true)
        retryDue = .never
    }

    /// When ``endExpired(at:)`` is due.
    private var endExpiredDue: MonotonicTime { streams.hasExpiring ? expiryDue : .never }

    /// Ends the requests whose keys have expired, if it is time to look.
    mutating func endExpired(at now: ClockReading) {
        guard endExpiredDue <= now.monotonic else { return }
        expiryDue = now.monotonic.advanced(byMilliseconds: Self.expiryIntervalMilliseconds)
        streams.endExpired(at: now.unix)
    }
}

// MARK: - Without invalidations

extension StreamSupervisor {
    /// When the records of open requests have to be read because invalidations may be missing.
    ///
    /// - Parameter currentUntil: Until when the invalidations of all changes older than a span are known to have
    ///   arrived.
    func watchDue(_ currentUntil: (_ milliseconds: UInt64) -> MonotonicTime) -> MonotonicTime {
        streams.count > 0 ? max(currentUntil(detectionMilliseconds), nextWatch) : .never
    }

    /// Marks all open requests stale.
    mutating func watch(_ now: MonotonicTime) {
        postponeWatch(now)
        streams.markAllStale()
    }

    /// All open requests are stale as it is; the replies have half the time to arrive.
    mutating func postponeWatch(_ now: MonotonicTime) {
        nextWatch = now.advanced(byMilliseconds: detectionMilliseconds / 2)
    }

    /// Makes a watch due at once.
    mutating func watchNow(_ now: MonotonicTime) {
        nextWatch = now
    }
}
