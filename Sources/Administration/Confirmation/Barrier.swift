import Keyring
import RedisClient

/// Waits until no worker trusts what it cached before a change: until each has acknowledged the barrier,
/// or its lease has ended.
///
/// The order is essential. The membership is read only after the store's reply to the change: a worker
/// that joins later caches only what is stored now. The barrier is published only after that, so that
/// it reaches each worker behind the invalidation.
struct Barrier {
    /// Longest wait in milliseconds, counted from the change.
    static let waitMilliseconds: UInt64 = 30_000

    /// Two clocks may differ by 1 % in rate, in either direction: a lease gets 2 % and this many
    /// milliseconds more.
    static let marginMilliseconds: UInt64 = 20

    /// After this long without an acknowledgement the barrier is published again, for workers that
    /// missed it while they reconnected. Shorter than the timeout of any reply.
    private static let roundMilliseconds: UInt64 = 100

    private let store: RetryingStore
    private let barrierID: BarrierID
    private let unlistedTrustMilliseconds: UInt64
    private var workers: [Member] = []
    private var suspects: SuspectMembers?
    private var readAt: MonotonicTime
    private var acknowledged: Set<Member.ID> = []

    /// How many subscribers received the barrier when it was last published, members or not.
    private var subscriberCount = 0
    private var isPublished = false
    private var isInterrupted = false
    private var fault: String?

    /// - Parameters:
    ///   - store: Its start is the moment at which the reply to the change had arrived.
    ///   - unlistedTrustMilliseconds: How long a subscriber that is not a member may trust its cache.
    init(_ store: RetryingStore, barrierID: BarrierID, unlistedTrustMilliseconds: UInt64) {
        self.store = store
        self.barrierID = barrierID
        self.unlistedTrustMilliseconds = unlistedTrustMilliseconds
        readAt = store.start
    }

    /// Returns when no worker trusts what it cached before the change.
    ///
    /// - Throws: Why that is uncertain.
    mutating func run() throws(ConfirmationResult.Uncertainty) -> BarrierOutcome {
        let membership = try readMembership()
        workers = membership.members
        readAt = store.clock.monotonic
        if workers.isEmpty { try countSubscribers() }
        waitForAll()
        let outcome = outcome(unreadable: membership.unreadable)
        guard outcome.isComplete else { throw .unacknowledged(outcome) }
        guard !waitsForUnlisted(store.clock.monotonic) else {
            throw .membershipUnknown(
                fault
                    ?? "\(Counted(subscriberCount, "worker")) received the barrier, "
                    + "\(acknowledged.count) acknowledged it"
            )
        }
        return outcome
    }

    /// An empty membership may have been emptied by someone else, so its subscribers count. A store that
    /// cannot count them may have any number.
    private mutating func countSubscribers() throws(ConfirmationResult.Uncertainty) {
        noteSubscribers(try execute([FleetChannel.publish(barrierID)]))
        isPublished = fault == nil
        if !isPublished { subscriberCount = .max }
    }

    private mutating func readMembership() throws(ConfirmationResult.Uncertainty) -> Membership {
        let replies = try execute([MembershipCommands.read()] + SuspectMembers.read())
        suspects = SuspectMembers(replies[1], clock: replies[2])
        return try translating(try Membership(replies[0])) { (error: RedisError) in
            ConfirmationResult.Uncertainty.membershipUnknown(error.message)
        }
    }

    private func execute(_ commands: [RedisCommand]) throws(ConfirmationResult.Uncertainty)
        -> [RedisReply]
    {
        try translating(try store.execute(commands)) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.membershipUnknown(AdministrationError(fault).message)
        }
    }

    private mutating func waitForAll() {
        while true {
            let now = store.clock.monotonic
            let pending = unacknowledged.filter { now < trustEnd(of: $0) }
            let waitsForUnlisted = waitsForUnlisted(now)
            guard !pending.isEmpty || waitsForUnlisted, now < store.deadline else { return }
            let ends = pending.map(trustEnd) + (waitsForUnlisted ? [unlistedTrustEnd] : [])
            guard
                store.shouldContinue(
                    pending: pending,
                    of: workers.count,
                    until: ends.max() ?? now
                )
            else {
                isInterrupted = true
                return
            }
            round(until: min(ends.min() ?? now, store.deadline))
        }
    }

    /// Whether a subscriber that has not acknowledged may still trust its cache. Members have an end of
    /// their own; nothing is known about a worker that the membership has lost.
    private func waitsForUnlisted(_ now: MonotonicTime) -> Bool {
        acknowledged.count < subscriberCount && now < unlistedTrustEnd
    }

    private var unacknowledged: [Member] { workers.filter { !acknowledged.contains($0.id) } }

    /// When a worker can no longer trust what it cached before the change.
    ///
    /// It counts from the read of the membership, which is hardly later than the reply to the change: a
    /// member that is unchanged by then has not been heard from for as long as it may trust anything,
    /// and can be removed.
    ///
    /// A suspect member, which an earlier barrier waited for in vain, may have ended already.
    private func trustEnd(of worker: Member) -> MonotonicTime {
        let span = Self.span(ofTrust: worker.trustMilliseconds)
        if suspects?.hasEnded(worker, after: span) == true { return readAt }
        return end(of: span)
    }

    private var unlistedTrustEnd: MonotonicTime {
        end(of: Self.span(ofTrust: unlistedTrustMilliseconds))
    }

    private func end(of span: UInt64) -> MonotonicTime {
        span == .max ? .never : readAt.advanced(byMilliseconds: span)
    }

    private static func span(ofTrust trust: UInt64) -> UInt64 {
        let (span, overflow) = trust.addingReportingOverflow(trust / 50 + marginMilliseconds)
        return overflow ? .max : span
    }

    /// The command that marks the silent workers as suspects, for the next barrier.
    func suspectCommand(_ outcome: BarrierOutcome) -> RedisCommand? {
        suspects?.record(outcome.unacknowledged.map(\.member))
    }

    private func outcome(unreadable: [String]) -> BarrierOutcome {
        let (now, time) = (store.clock.monotonic, store.clock.unix)
        var outcome = BarrierOutcome()
        for worker in unacknowledged {
            let end = trustEnd(of: worker)
            if end <= now {
                outcome.expired.append(worker)
            } else {
                let until = time.advanced(byMilliseconds: now.milliseconds(until: end))
                outcome.unacknowledged.append(.init(member: worker, until: until))
            }
        }
        outcome.unreadable = unreadable
        outcome.isInterrupted = isInterrupted
        outcome.fault = fault
        return outcome
    }
}

// MARK: - One round

extension Barrier {
    /// Publishes the barrier if necessary, and waits for an acknowledgement.
    private mutating func round(until end: MonotonicTime) {
        let now = store.clock.monotonic
        let end = min(end, now.advanced(byMilliseconds: Self.roundMilliseconds))
        do throws(StoreConnection.Fault) {
            try listen(milliseconds: max(1, now.milliseconds(until: end)))
            // An error is a reply that comes at once.
            if fault != nil { store.clock.sleep(until: end) }
        } catch {
            fault = AdministrationError(error).message
            isPublished = false
            store.reconnect(before: end)
        }
    }

    private mutating func listen(milliseconds: UInt64) throws(StoreConnection.Fault) {
        var commands = isPublished ? [] : [FleetChannel.publish(barrierID)]
        commands.append(
            FleetChannel.awaitAcknowledgement(of: barrierID, milliseconds: milliseconds)
        )
        let replies = try store.channel.execute(commands)
        if !isPublished { noteSubscribers(replies) }
        isPublished = collectAcknowledgements(replies)
        // The other workers' are there by now, or nearly.
        if isPublished, !unacknowledged.isEmpty || acknowledged.count < subscriberCount {
            let pop = FleetChannel.popAcknowledgements(of: barrierID)
            _ = collectAcknowledgements(try store.channel.execute([pop]))
        }
    }

    private mutating func noteSubscribers(_ replies: [RedisReply]) {
        if case .integer(let count) = replies.first { subscriberCount = Int(clamping: count) }
        fault = replies.first?.failure?.message
    }

    /// Returns whether a worker has acknowledged.
    private mutating func collectAcknowledgements(_ replies: [RedisReply]) -> Bool {
        let ids = replies.flatMap { FleetChannel.acknowledgements($0, of: barrierID) }
        acknowledged.formUnion(ids)
        fault = replies.lazy.compactMap(\.failure).first?.message
        return !ids.isEmpty
    }
}
