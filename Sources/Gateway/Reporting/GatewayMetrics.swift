import RedisClient

/// A gatekeeper's counters, since it was created, and gauges.
///
/// Results of checks are not among them: the caller counts those.
public struct GatewayMetrics: Sendable {
    /// Connections of one link.
    public struct LinkCounts: Sendable {
        /// Number of connections that became ready.
        public private(set) var connections: UInt64 = 0
        /// Number of those that were lost.
        public private(set) var losses: UInt64 = 0

        /// - Parameter isUp: Of the connection's link.
        mutating func connected(_ isUp: inout Bool) {
            isUp = true
            connections &+= 1
        }

        /// Also called for attempts that failed, which are no losses.
        mutating func disconnected(_ isUp: inout Bool) {
            if isUp { losses &+= 1 }
            isUp = false
        }
    }

    /// How long checks waited for the store, whatever they came to.
    public internal(set) var storeWaits = DurationHistogram()
    /// From a change to its acknowledgement by this worker, by the clocks of both machines.
    public internal(set) var changeDelays = DurationHistogram()

    /// Number of records that were read.
    public internal(set) var storeReads: UInt64 = 0
    /// The link for reads and writes.
    public internal(set) var data = LinkCounts()
    /// The link for invalidations.
    public internal(set) var invalidation = LinkCounts()

    /// Number of records that were invalidated one by one.
    public internal(set) var invalidations: UInt64 = 0
    /// Number of times that all records were invalidated.
    public internal(set) var flushes: UInt64 = 0
    /// Number of barriers, each counted once.
    public internal(set) var barriersAcknowledged: UInt64 = 0

    /// Number of records that were evicted.
    public internal(set) var cacheEvictions: UInt64 = 0
    /// Number of open requests that were handed out to be ended.
    public internal(set) var streamsEnded: UInt64 = 0

    /// Number of times that another server became the primary.
    public internal(set) var primaryChanges: UInt64 = 0

    /// Number of times that slots of a cluster moved, or another server became one of its primaries.
    public internal(set) var mapChanges: UInt64 = 0

    /// Number of cached records, valid or not.
    public internal(set) var cacheRecords: UInt64 = 0
    /// Number of open requests.
    public internal(set) var streamsOpen: UInt64 = 0
    /// When the lease ends; the clock's origin without one.
    public internal(set) var trustedUntil = MonotonicTime.origin
    /// Until when what the store replies decides; never ends where no sentinels are asked.
    public internal(set) var attestedUntil = MonotonicTime.origin
    /// Whether the store is a cluster.
    public internal(set) var usesCluster = false
    /// Number of primaries that hold records and are connected.
    public internal(set) var primariesConnected: UInt64 = 0
    /// Number of sentinels in the configuration.
    public internal(set) var sentinels: UInt64 = 0
    /// Number of those that are connected.
    public internal(set) var sentinelsConnected: UInt64 = 0
}

/// A histogram of durations.
public struct DurationHistogram: Sendable {
    /// Number of buckets. The last one has no bound.
    public static let bucketCount = 17

    /// The bound of the first bucket. Those of the others are 2, 5, 10, 20, … times that.
    private static let firstNanoseconds: UInt64 = 100_000

    /// Number of durations in each bucket, without those in the buckets before it.
    public private(set) var counts = InlineArray<17, UInt64>(repeating: 0)

    /// The sum of all durations.
    public private(set) var sumNanoseconds: UInt64 = 0

    /// Counts the time between two moments; nothing if the second is earlier.
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
