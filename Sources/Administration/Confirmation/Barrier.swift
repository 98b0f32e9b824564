import Keyring
import RedisClient

/// Waits until no gateway trusts what was before a change: until each worker has confirmed that the
/// news has come to it, or its lease is over.
///
/// The order is all. The workers are read only after the store's reply to the change, so that whoever
/// is not among them begins with what is stored now. The word goes out only after that, so that it
/// comes to each worker behind the news.
struct Barrier {
    /// Longest wait in milliseconds, from the change on.
    static let waitMilliseconds: UInt64 = 30_000

    /// Clocks may run apart by one in a hundred, in either direction: a lease is given two in a
    /// hundred more, and this many milliseconds.
    static let marginMilliseconds: UInt64 = 20

    /// After so long without a confirmation the word goes out again: a worker that has just
    /// connected anew missed the one before. Shorter than any reply may take.
    private static let roundMilliseconds: UInt64 = 100

    private let store: RetryingStore
    private let barrierID: BarrierID
    private let unlistedTrustMilliseconds: UInt64
    private var workers: [Member] = []
    private var suspects: SuspectMembers?
    private var readAt: MonotonicTime
    private var acknowledged: Set<Member.ID> = []

    /// How many got the word when it went out last, listed or not.
    private var subscriberCount = 0
    private var isPublished = false
    private var isInterrupted = false
    private var fault: String?

    /// - Parameters:
    ///   - store: Whose start is the moment at which the reply to the change had arrived.
    ///   - unlistedTrustMilliseconds: How long a worker that listens without being listed may trust
    ///     what it knew.
    init(_ store: RetryingStore, barrierID: BarrierID, unlistedTrustMilliseconds: UInt64) {
        self.store = store
        self.barrierID = barrierID
        self.unlistedTrustMilliseconds = unlistedTrustMilliseconds
        readAt = store.start
    }

    /// Returns when no worker trusts what was before.
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

    /// Where the list is empty, somebody may have emptied it. A store that counts nobody may have
    /// listeners.
    private mutating func countSubscribers() throws(ConfirmationResult.Uncertainty) {
        do throws(StoreConnection.Fault) {
            noteSubscribers(try store.execute([FleetChannel.publish(barrierID)]))
        } catch {
            throw .membershipUnknown(AdministrationError(error).message)
        }
        isPublished = fault == nil
        if !isPublished { subscriberCount = .max }
    }

    private mutating func readMembership() throws(ConfirmationResult.Uncertainty) -> Membership {
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try store.execute([MembershipCommands.read()] + SuspectMembers.read())
        } catch {
            throw .membershipUnknown(AdministrationError(error).message)
        }
        suspects = SuspectMembers(replies[1], clock: replies[2])
        do throws(RedisError) {
            return try Membership(replies[0])
        } catch {
            throw .membershipUnknown(error.message)
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
                store.shouldContinue(pending: pending, of: workers.count, until: ends.max() ?? now)
            else {
                isInterrupted = true
                return
            }
            round(until: min(ends.min() ?? now, store.deadline))
        }
    }

    /// Whether somebody listens who has not confirmed and may still trust what was. Who is listed
    /// has an end of its own; but of whom the list has lost nothing is known.
    private func waitsForUnlisted(_ now: MonotonicTime) -> Bool {
        acknowledged.count < subscriberCount && now < unlistedTrustEnd
    }

    private var unacknowledged: [Member] { workers.filter { !acknowledged.contains($0.id) } }

    /// When a worker cannot trust any more what it had heard before the change.
    ///
    /// It is counted from the reading of its entry, which is hardly later than the reply to the
    /// change. So an entry that is still the same by then is that of a worker which has not been
    /// heard of for as long as it may trust anything, and can be taken out.
    ///
    /// Whose entry was the same before, when somebody else waited in vain, may have ended already.
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

    /// What is to be written so that the next one to wait knows of those who stayed silent.
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
    /// Sends the word where it has to go out, and waits for a confirmation.
    private mutating func round(until end: MonotonicTime) {
        let now = store.clock.monotonic
        let end = min(end, now.advanced(byMilliseconds: Self.roundMilliseconds))
        do throws(StoreConnection.Fault) {
            try listen(milliseconds: max(1, now.milliseconds(until: end)))
            // Where the store answers with an error, it does so at once.
            if fault != nil { store.clock.sleep(until: end) }
        } catch {
            fault = AdministrationError(error).message
            isPublished = false
            store.reconnect(before: end)
        }
    }

    private mutating func listen(milliseconds: UInt64) throws(StoreConnection.Fault) {
        var commands = isPublished ? [] : [FleetChannel.publish(barrierID)]
        commands.append(FleetChannel.awaitAcknowledgment(of: barrierID, milliseconds: milliseconds))
        let replies = try store.channel.execute(commands)
        if !isPublished { noteSubscribers(replies) }
        let isAcknowledged = acknowledge(replies)
        isPublished = isAcknowledged
        // The others' are there by now, or nearly.
        if isAcknowledged, !unacknowledged.isEmpty || acknowledged.count < subscriberCount {
            _ = acknowledge(
                try store.channel.execute([FleetChannel.popAcknowledgments(of: barrierID)])
            )
        }
    }

    private mutating func noteSubscribers(_ replies: [RedisReply]) {
        if case .integer(let count) = replies.first { subscriberCount = Int(clamping: count) }
        fault = replies.first?.failure?.message
    }

    /// Returns whether a confirmation has come.
    private mutating func acknowledge(_ replies: [RedisReply]) -> Bool {
        let ids = replies.flatMap { FleetChannel.acknowledgments($0, of: barrierID) }
        acknowledged.formUnion(ids)
        fault = replies.lazy.compactMap(\.failure).first?.message
        return !ids.isEmpty
    }
}
