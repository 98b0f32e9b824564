import RedisClient

/// How long cached records may be used.
///
/// Two things must be fresh: an answer on the invalidation link, which shows that all invalidations up
/// to the question have arrived; and this worker's entry in the membership list, which makes
/// administrators wait for the worker. Both count from when they were sent, and the older one decides.
struct Lease {
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64

    /// Whether Redis sends invalidations.
    private(set) var isTracking = false

    /// Whether Redis was asked for invalidations and does not send them.
    private(set) var hasLostTracking = false
    private var isMember = false
    private var currentAt: MonotonicTime?
    private var joinedAt: MonotonicTime?

    /// Until when cached records decide although the store could be asked.
    private(set) var trustedUntil = MonotonicTime.origin

    /// Until when cached records decide where the store cannot be asked: lease and grace.
    private(set) var usableUntil = MonotonicTime.origin

    #if CANARIES
        /// Trusts records without being a member.
        var trustsNonMember = false
    #endif

    init(leaseMilliseconds: UInt64, graceMilliseconds: UInt64) {
        self.leaseMilliseconds = leaseMilliseconds
        self.graceMilliseconds = graceMilliseconds
    }

    /// Whether replies to reads sent from now on may fill the cache: their invalidations will arrive,
    /// and administrators wait for this worker.
    var mayCache: Bool { isTracking && isMember }

    /// Whether the member may have been removed and added again since it was last confirmed, so that
    /// a change did not wait for this worker. Administrators remove a member only after it has stayed
    /// the same for as long as its worker may use any record.
    ///
    /// A worker without lease and grace uses none, so this cannot harm it.
    func hasLapsed(_ now: MonotonicTime) -> Bool {
        guard isMember, let joinedAt else { return true }
        guard leaseMilliseconds > 0 || graceMilliseconds > 0 else { return false }
        return joinedAt.advanced(byMilliseconds: leaseMilliseconds)
            .advanced(byMilliseconds: graceMilliseconds) <= now
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
}

// MARK: - What happened

extension Lease {
    /// Redis has confirmed that it sends invalidations. Everything cached before is void.
    mutating func trackingStarted() {
        isTracking = true
        hasLostTracking = false
        currentAt = nil
        renew()
    }

    /// Redis no longer sends invalidations. Cached records stay usable until their time.
    mutating func trackingLost() {
        isTracking = false
        hasLostTracking = true
        trustedUntil = .origin
    }

    /// A PING was answered on the invalidation link, behind all invalidations.
    mutating func pingAnswered(sentAt: MonotonicTime) {
        currentAt = sentAt
        renew()
    }

    /// The membership list has held this worker since `sentAt` at the latest.
    mutating func joined(sentAt: MonotonicTime) {
        isMember = true
        joinedAt = sentAt
        renew()
    }

    /// The member may be gone from the list. Everything cached before is void.
    mutating func membershipLost() {
        isMember = false
        renew()
    }

    private mutating func renew() {
        #if CANARIES
            if trustsNonMember {
                isMember = true
                joinedAt = currentAt
            }
        #endif
        guard isMember, let currentAt, let joinedAt else {
            trustedUntil = .origin
            usableUntil = .origin
            return
        }
        let base = min(currentAt, joinedAt)
        let end = base.advanced(byMilliseconds: leaseMilliseconds)
        trustedUntil = isTracking ? end : .origin
        usableUntil = end.advanced(byMilliseconds: graceMilliseconds)
    }
}
