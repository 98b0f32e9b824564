import Keyring
import RedisClient

/// How long the records of one store node may be used.
///
/// Three things must be fresh: an answer on the node's invalidation link, which shows that all invalidations
/// up to the question have arrived; this worker's entry in the membership list, which makes
/// administrators wait for the worker; and, where another server may become the primary, what a majority of
/// the sentinels says. All count from when they were asked for, and the oldest decides.
///
/// The node's own replies need only the last of them: a primary that was replaced still replies.
struct NodeLease {
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64
    private let fenceMilliseconds: UInt64

    /// Whether Redis sends invalidations.
    private(set) var isTracking = false

    /// Whether Redis was asked for invalidations and does not send them.
    private(set) var hasLostTracking = false

    /// Up to when all invalidations are known to have arrived.
    private var currentAt: MonotonicTime?

    /// Up to when the node is known to be the primary; `nil` while it is not. Never ends where no other
    /// server may become the primary.
    private(set) var attestedAt: MonotonicTime?

    /// Until when the node's replies decide.
    private(set) var fencedUntil: MonotonicTime

    /// Whether cached records may be of a former primary. They stay usable as long as before the change.
    private(set) var holdsFormer = false

    #if CANARIES
        var restartsGrace = false
    #endif

    /// Until when cached records decide although the store could be asked.
    private(set) var trustedUntil = MonotonicTime.origin

    /// Until when cached records decide where the store cannot be asked: lease and grace.
    private(set) var usableUntil = MonotonicTime.origin

    /// - Parameter isAttested: Whether sentinels have to say that the node is the primary.
    init(_ configuration: Configuration, isAttested: Bool) {
        leaseMilliseconds = configuration.leaseMilliseconds
        graceMilliseconds = configuration.graceMilliseconds
        fenceMilliseconds = configuration.fenceMilliseconds
        attestedAt = isAttested ? nil : .never
        fencedUntil = isAttested ? .origin : .never
    }

    /// The state that this worker's entry in the membership list has to show.
    var tracking: TrackingState {
        TrackingState(
            isTracking: isTracking,
            hasLostTracking: hasLostTracking,
            usableUntil: usableUntil
        )
    }

    /// Whether cached records will decide as soon as nothing of a former primary is cached.
    func isReady(registeredAt: MonotonicTime?) -> Bool {
        isTracking && currentAt != nil && attestedAt != nil && registeredAt != nil
    }

    /// Until when the invalidations of all changes older than a span are known to have arrived.
    func isCurrentUntil(_ milliseconds: UInt64) -> MonotonicTime {
        guard isTracking, let currentAt else { return .origin }
        return currentAt.advanced(byMilliseconds: milliseconds)
    }

    /// Whether a decision by a cached record is made in the grace, beyond the lease.
    ///
    /// - Parameter usableUntil: Until when the record is usable.
    func isInGrace(_ now: MonotonicTime, until usableUntil: MonotonicTime) -> Bool {
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

    /// A majority of the sentinels says that the node was the primary at this moment.
    mutating func isAttested(at moment: MonotonicTime) {
        guard attestedAt.map({ $0 < moment }) ?? true else { return }
        attestedAt = moment
        fencedUntil = moment.advanced(byMilliseconds: fenceMilliseconds)
    }

    /// Another server replaces the node's. Cached records stay usable until their time, and decide nothing
    /// else.
    mutating func primaryChanged(_ now: MonotonicTime) {
        serverLeft()
        holdsFormer = true
        #if CANARIES
            if restartsGrace, usableUntil > now {
                usableUntil = now.advanced(byMilliseconds: leaseMilliseconds)
                    .advanced(byMilliseconds: graceMilliseconds)
            }
        #endif
    }

    /// The node has no server from now on, and no cached records.
    mutating func ended() {
        serverLeft()
        holdsFormer = false
        usableUntil = .origin
    }

    /// Resets all that was known of the node's server.
    private mutating func serverLeft() {
        isTracking = false
        hasLostTracking = false
        currentAt = nil
        attestedAt = nil
        fencedUntil = .origin
        trustedUntil = .origin
    }

    /// The records of a former primary were invalidated.
    mutating func forgotFormer() {
        holdsFormer = false
    }

    /// Computes the lease anew.
    ///
    /// - Parameters:
    ///   - registeredAt: When this worker's entry is known to have stood; `nil` if it may not stand.
    ///   - keepsUsable: Whether cached records stay usable until their time without a proven entry: the list is at
    ///     another server, which has not answered.
    mutating func renew(registeredAt: MonotonicTime?, keepsUsable: Bool = false) {
        guard !holdsFormer else { return }
        guard let currentAt, let registeredAt, let attestedAt else {
            trustedUntil = .origin
            if !keepsUsable || currentAt == nil || attestedAt == nil { usableUntil = .origin }
            return
        }
        let base = min(currentAt, registeredAt, attestedAt)
        let end = base.advanced(byMilliseconds: leaseMilliseconds)
        trustedUntil = isTracking ? end : .origin
        usableUntil = end.advanced(byMilliseconds: graceMilliseconds)
    }
}

/// Whether a worker receives invalidations, and until when it uses its cached records.
struct TrackingState {
    let isTracking: Bool

    /// Whether Redis was asked for invalidations and does not send them.
    let hasLostTracking: Bool

    let usableUntil: MonotonicTime
}
