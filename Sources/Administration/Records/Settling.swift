import RedisClient

/// The patience of a change whose keys a cluster is moving to another server. Nothing is done until they are all at one.
struct Settling {
    private static let pauseMilliseconds: UInt64 = 20

    private let clock: any BlockingClock
    private var end: MonotonicTime?

    init(_ clock: any BlockingClock) {
        self.clock = clock
    }

    /// Pauses. Returns `false` if the keys have been moved for too long.
    mutating func goesOn() -> Bool {
        let now = clock.monotonic
        let end = end ?? now.advanced(byMilliseconds: ClusterStore.settleMilliseconds)
        self.end = end
        guard now < end else { return false }
        clock.sleep(until: now.advanced(byMilliseconds: Self.pauseMilliseconds))
        return true
    }
}
