import Keyring

/// The barriers that were acknowledged last. An administrator that waits for other workers repeats its
/// barrier, which counts once.
struct RecentBarriers {
    /// More than are in progress at a time.
    private static let countMax = 64

    private var known: Set<SignalID> = []
    private var inOrder: [SignalID] = []
    private var oldest = 0

    init() {
        known.reserveCapacity(Self.countMax + 1)
        inOrder.reserveCapacity(Self.countMax)
    }

    /// Adds a barrier; returns whether it is new.
    mutating func insert(_ barrier: SignalID) -> Bool {
        guard known.insert(barrier).inserted else { return false }
        guard inOrder.count == Self.countMax else {
            inOrder.append(barrier)
            return true
        }
        known.remove(inOrder[oldest])
        inOrder[oldest] = barrier
        oldest = (oldest + 1) % Self.countMax
        return true
    }
}
