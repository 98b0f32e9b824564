import KeyFormat

/// Which of the reads under way may be kept when they are answered: of each organization at most the
/// last one, and none that news have overtaken.
struct KeptReads {
    private var reads: [Locator: PendingChecks.ReadID] = [:]

    /// A read was sent.
    ///
    /// - Parameter mayKeep: Whether changes of its record will be told from now on.
    mutating func sent(_ id: PendingChecks.ReadID, _ locator: Locator, mayKeep: Bool) {
        reads[locator] = mayKeep ? id : nil
    }

    /// The record has changed since: its read is overtaken.
    mutating func overtake(_ locator: Locator) {
        reads[locator] = nil
    }

    /// All reads are overtaken.
    mutating func overtakeAll() {
        reads.removeAll(keepingCapacity: true)
    }

    /// A read was answered; returns whether the answer may be kept.
    mutating func answered(_ id: PendingChecks.ReadID, _ locator: Locator) -> Bool {
        guard reads[locator] == id else { return false }
        reads[locator] = nil
        return true
    }
}
