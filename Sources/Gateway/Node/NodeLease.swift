import RedisClient

/// How long the records of one store node may be used.
///
/// Two things must be fresh: an answer on the node's invalidation link, which shows that all invalidations
/// up to the question have arrived; and this worker's entry in the membership list, which makes
/// administrators wait for the worker. Both count from when they were asked for, and the older one decides.
struct NodeLease {
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64

    /// Whether Redis sends invalidations.
    private(set) var isTracking = false

    /// Whether Redis was asked for invalidations and does not send them.
    private(set) var hasLostTracking = false

    /// Up to when all invalidations are known to have arrived.
    private var currentAt: MonotonicTime?

    /// Until when cached records decide although the store could be asked.
    private(set) var trustedUntil = MonotonicTime.origin

    /// Until when cached records decide where the store cannot be asked: lease and grace.
    private(set) var usableUntil = MonotonicTime.origin

    init(leaseMilliseconds: UInt64, graceMilliseconds: UInt64) {
        self.leaseMilliseconds = leaseMilliseconds
        self.graceMilliseconds = graceMilliseconds
    }

    /// Until when the invalidations of all changes older than a span are known to have arrived.
    func isCurrentUntil(_ milliseconds: UInt64) -> MonotonicTime {
        guard isTracking, let currentAt else { return .origin }
        return currentAt.advanced(byMilliseconds: milliseconds)
    }

    /// Whether a decision by a cached record is made in the grace, beyond the lease.
    func isInGrace(_ now: MonotonicTime) -> Bool {
        now.advanced(byMilliseconds: graceMilliseconds) >= usableUntil
    }

    /// Redis has confirmed that it sends invalidations. Everything cached before is void.
    mutating func trackingStarted() {
        isTracking = true
        hasLostTracking = false
        currentAt = nil
    }

    /// Redis no longer sends invalidations. Cached records stay usable until their time.
    mutating func trackingLost() {
        isTracking = false
        hasLostTracking = true
    }

    /// All invalidations up to this moment have arrived.
    mutating func isCurrent(at moment: MonotonicTime) {
        currentAt = moment
    }

    /// Computes the lease anew.
    ///
    /// - Parameter registeredAt: When this worker's entry is known to have stood; `nil` if it may not stand.
    mutating func renew(registeredAt: MonotonicTime?) {
        guard let currentAt, let registeredAt else {
            trustedUntil = .origin
            usableUntil = .origin
            return
        }
        let base = min(currentAt, registeredAt)
        let end = base.advanced(byMilliseconds: leaseMilliseconds)
        trustedUntil = isTracking ? end : .origin
        usableUntil = end.advanced(byMilliseconds: graceMilliseconds)
    }
}
