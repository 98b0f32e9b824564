import RedisClient

/// What a gatekeeper has counted since it was made, and how it stands.
///
/// To count moves a few numbers and allocates nothing. What came of checks is not counted here: that
/// is known to whoever asked.
public struct GatewayMetrics: Sendable {
    /// What became of connections of one kind.
    public struct LinkCounts: Sendable {
        /// Those over which commands could go.
        public private(set) var connections: UInt64 = 0
        /// Those of them that were lost.
        public private(set) var losses: UInt64 = 0
        private var isUp = false

        mutating func connected() {
            isUp = true
            connections &+= 1
        }

        /// Attempts that came to no connection end here too, and are no losses.
        mutating func disconnected() {
            if isUp { losses &+= 1 }
            isUp = false
        }
    }

    /// For how long checks waited for the store, whatever came of it.
    public internal(set) var storeWaits = DurationHistogram()
    /// How long after a change this worker confirmed it, by the clocks of both machines.
    public internal(set) var changeDelays = DurationHistogram()

    /// Records that were asked for.
    public internal(set) var storeReads: UInt64 = 0
    /// The connection on which is asked and written.
    public internal(set) var data = LinkCounts()
    /// The connection on which is told.
    public internal(set) var invalidation = LinkCounts()

    /// Records of which the store told that they have changed.
    public internal(set) var invalidations: UInt64 = 0
    /// How often the store told that all records may have changed.
    public internal(set) var flushes: UInt64 = 0
    /// Changes that were confirmed.
    public internal(set) var barriersAcknowledged: UInt64 = 0

    /// Records that were given up for others.
    public internal(set) var cacheEvictions: UInt64 = 0
    /// Open requests that were handed out to be ended.
    public internal(set) var streamsEnded: UInt64 = 0

    /// Records that are kept now.
    public internal(set) var cacheRecords: UInt64 = 0
    /// Requests that are open now and can be ended.
    public internal(set) var streamsOpen: UInt64 = 0
    /// When the lease ends; the clock's origin where nothing is trusted.
    public internal(set) var trustedUntil = MonotonicTime.origin
}

/// Durations, counted by their length.
public struct DurationHistogram: Sendable {
    /// Number of buckets; the last one holds what is in no other.
    public static let bucketCount = 17

    /// The longest duration of the first bucket; those of the others are 2, 5, 10, 20, … times as
    /// long.
    private static let firstNanoseconds: UInt64 = 100_000

    /// How many durations there were in each bucket and in none before it.
    public private(set) var counts = InlineArray<17, UInt64>(repeating: 0)

    /// The sum of all durations.
    public private(set) var sumNanoseconds: UInt64 = 0

    /// Counts the time between two moments.
    mutating func add(from start: MonotonicTime, to end: MonotonicTime) {
        add(nanoseconds: end < start ? 0 : end.nanoseconds - start.nanoseconds)
    }

    /// Counts a duration.
    mutating func add(nanoseconds: UInt64) {
        counts[Self.bucket(of: nanoseconds)] &+= 1
        sumNanoseconds &+= nanoseconds
    }

    private static func bucket(of nanoseconds: UInt64) -> Int {
        var bucket = 0
        var decade = firstNanoseconds
        while bucket < bucketCount - 1 {
            if nanoseconds <= decade { return bucket }
            if nanoseconds <= 2 * decade { return min(bucket + 1, bucketCount - 1) }
            if nanoseconds <= 5 * decade { return min(bucket + 2, bucketCount - 1) }
            bucket += 3
            decade *= 10
        }
        return bucketCount - 1
    }
}
