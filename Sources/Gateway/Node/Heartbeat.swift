import RedisClient

/// A schedule of numbered messages that renew the lease.
struct Heartbeat {
    /// How often they are sent, from the configured lease: four times in it.
    struct Interval {
        private static let millisecondsMin: UInt64 = 10
        private static let millisecondsMax: UInt64 = 1000

        /// Without a lease, open requests still depend on a live invalidation link.
        private static let millisecondsWithoutLease: UInt64 = 250

        let milliseconds: UInt64

        init(leaseMilliseconds: UInt64) {
            milliseconds =
                leaseMilliseconds == 0
                ? Self.millisecondsWithoutLease
                : min(max(leaseMilliseconds / 4, Self.millisecondsMin), Self.millisecondsMax)
        }

        /// The longest between a change and its detection without invalidations: a lease, as far as
        /// the interval follows it.
        var detectionMilliseconds: UInt64 { 4 * milliseconds }
    }

    let interval: Interval

    /// The number of the newest message; 0 before the first one.
    private(set) var last: UInt64 = 0

    /// When the next message is due.
    private(set) var due = MonotonicTime.origin

    #if CANARIES
        private(set) var lastAt = MonotonicTime.origin
    #endif

    init(_ interval: Interval) {
        self.interval = interval
    }

    /// The number of a message that is due.
    mutating func next(_ now: MonotonicTime) -> UInt64? {
        guard due <= now else { return nil }
        due = now.advanced(byMilliseconds: interval.milliseconds)
        last += 1
        #if CANARIES
            lastAt = now
        #endif
        return last
    }

    /// Makes the next message due at once.
    mutating func renewNow(_ now: MonotonicTime) {
        due = now
    }
}
