import KeyFormat
import RedisClient

/// Checks that wait for the store, and the reads that will answer them.
///
/// Checks of one organization share a read that has not been sent; a read that is under way is
/// never joined, because its answer may be older than the check. A read may also be wanted for its
/// own sake: then it goes on when nobody waits for it.
struct PendingChecks {
    typealias Check = CheckQueue.Check
    typealias Ticket = CheckQueue.Ticket
    typealias ReadID = InflightReads.ID

    private let countMax: Int
    private var checks = CheckQueue()
    private var reads = InflightReads()

    #if CANARIES
        /// Joins reads that are under way.
        var joinsSent = false
    #endif

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Number of checks that wait.
    var count: Int { checks.count }

    /// When the first check has waited too long.
    var deadline: MonotonicTime { checks.deadline }
}

// MARK: - Checks

extension PendingChecks {
    /// Lets a check wait; deadlines must not go back from call to call. `nil` when too many wait
    /// already.
    mutating func add(
        request: UInt,
        key: VerifiedKey,
        at now: MonotonicTime,
        deadline: MonotonicTime
    ) -> Ticket? {
        guard count < countMax else { return nil }
        return checks.add(request, key, for: read(of: key.locator), since: now, until: deadline)
    }

    /// Forgets a check; returns it where it still waited.
    @discardableResult
    mutating func remove(_ ticket: Ticket) -> Check? { checks.remove(ticket) }

    /// Ends the checks that have waited too long.
    mutating func takeOverdue(_ now: MonotonicTime) -> [Check] { checks.takeOverdue(now) }

    /// Ends all checks. Wanted reads go on.
    mutating func takeAll() -> [Check] { checks.takeOverdue(.never) }

    private mutating func read(of locator: Locator) -> ReadID {
        #if CANARIES
            if joinsSent, let read = reads.any(locator) { return read }
        #endif
        return reads.toBeSent(locator)
    }
}

// MARK: - Reads

extension PendingChecks {
    /// Adds a read that is wanted for its own sake.
    mutating func want(_ locator: Locator) {
        reads.want(reads.toBeSent(locator))
    }

    /// Whether reads are to be sent.
    var hasUnsent: Bool { reads.hasUnsent }

    /// Hands over the next read that is to be sent now, in the order of their first checks.
    ///
    /// - Parameter mayKeep: Whether changes of its record will be told from now on.
    mutating func nextUnsent(mayKeep: Bool) -> (id: ReadID, locator: Locator)? {
        while let id = reads.takeUnsent() {
            guard reads.isWanted(id) || checks.areWaiting(for: id) else {
                reads.end(id)
                continue
            }
            reads.sent(id, mayKeep: mayKeep)
            return (id, reads.locator(of: id))
        }
        return nil
    }

    /// What a read that is under way asks for, and whether its answer may be kept.
    func underWay(_ id: ReadID) -> (locator: Locator, mayKeep: Bool)? {
        guard reads.isUnderWay(id) else { return nil }
        return (reads.locator(of: id), reads.mayKeep(id))
    }

    /// Ends a read; hands over the checks that it answers.
    mutating func finish(_ id: ReadID, _ body: (Check) -> Void) {
        guard reads.isUnderWay(id) else { return }
        while let check = checks.takeNext(of: id) { body(check) }
        reads.end(id)
    }

    /// A read was answered in vain, or its answer was lost: the record is to be read again.
    mutating func resend(_ id: ReadID) {
        guard reads.isUnderWay(id) else { return }
        let other = reads.toBeSent(reads.locator(of: id))
        checks.move(from: id, to: other)
        if reads.isWanted(id) { reads.want(other) }
        reads.end(id)
    }

    /// A record has changed: reads of it that are under way are overtaken.
    mutating func overtake(_ locator: Locator) {
        reads.overtake(locator)
    }

    /// All reads that are under way are overtaken.
    mutating func overtakeAll() {
        reads.overtakeAll()
    }
}
