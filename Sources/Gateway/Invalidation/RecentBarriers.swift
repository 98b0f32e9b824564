import Keyring

/// The changes that were confirmed last: whoever waits for other workers sends the word of a change
/// again and again, and it counts once.
struct RecentBarriers {
    /// More than are under way at a time.
    private static let countMax = 64

    private var changes: [BarrierID] = []
    private var oldest = 0

    init() {
        changes.reserveCapacity(Self.countMax)
    }

    /// Notes a change; returns whether it is new.
    mutating func insert(_ change: BarrierID) -> Bool {
        guard !changes.contains(change) else { return false }
        guard changes.count == Self.countMax else {
            changes.append(change)
            return true
        }
        changes[oldest] = change
        oldest = (oldest + 1) % Self.countMax
        return true
    }
}
