import Keyring

/// The barriers that were acknowledged last. An administrator that waits for other workers repeats its
/// barrier, which counts once.
struct RecentBarriers {
    /// More than are in progress at a time.
    private static let countMax = 64

    private var known: [SignalID] = []
    private var oldest = 0

    init() {
        known.reserveCapacity(Self.countMax)
    }

    /// Adds a barrier; returns whether it is new.
    mutating func insert(_ barrier: SignalID) -> Bool {
        guard !known.contains(barrier) else { return false }
        guard known.count == Self.countMax else {
            known.append(barrier)
            return true
        }
        known[oldest] = barrier
        oldest = (oldest + 1) % Self.countMax
        return true
    }
}
