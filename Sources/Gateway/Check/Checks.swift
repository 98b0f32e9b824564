import DequeModule
import KeyFormat
import RedisClient

/// The decision of a check that had to wait.
public struct CheckAnswer {
    /// The caller's data, as it was passed in with the check.
    public let request: UInt
    /// What was decided.
    public let decision: Decision
    let ticket: CheckQueue.Ticket
}

/// Checks that wait for the store, what will answer them, and answers not yet handed out.
///
/// A check waits for a read; or, with strict consistency, for the proof that what is cached is current.
/// Checks of one organization share a read that has not been sent. A read in flight is never joined:
/// its reply may be older than the check. A read may also be wanted for its own sake, and is then
/// sent even if no check waits for it.
struct Checks: ~Copyable {
    typealias Check = CheckQueue.Check
    typealias Ticket = CheckQueue.Ticket
    typealias ReadID = InflightReads.ID

    private let countMax: Int
    private let timeoutMilliseconds: UInt64
    private var queue = CheckQueue()
    private var reads = InflightReads()
    private var answers: Deque<CheckAnswer> = []

    /// A PING to a node that checks wait for, with their queue.
    private struct Proof {
        let node: Int
        let ping: UInt64
        let queue: ReadID
    }

    /// These PINGs; those of one node in order.
    private var proofs: Deque<Proof> = []

    /// How long checks waited, whatever they came to.
    private(set) var waits = DurationHistogram()

    #if CANARIES
        /// Joins reads in flight.
        var joinsSent = false

        var undelivered: Deque<CheckAnswer> { answers }
    #endif

    init(countMax: Int, timeoutMilliseconds: UInt64) {
        self.countMax = countMax
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// Number of checks that wait.
    var count: Int { queue.count }

    /// When the first check will have waited too long.
    var deadline: MonotonicTime { queue.deadline }
}

// MARK: - Waiting and answering

extension Checks {
    /// Lets a check wait; time must not go back from call to call. `nil` when too many wait already.
    mutating func add(_ request: UInt, _ key: VerifiedKey, at now: MonotonicTime) -> Ticket? {
        guard count < countMax else { return nil }
        return add(request, key, for: read(of: key.locator), at: now)
    }

    /// Lets a check wait for a node's answer to a PING that is not sent yet. `nil` when too many wait already.
    mutating func add(
        _ request: UInt,
        _ key: VerifiedKey,
        forPing ping: UInt64,
        to node: Int,
        at now: MonotonicTime
    ) -> Ticket? {
        guard count < countMax else { return nil }
        return add(request, key, for: proof(ping, node), at: now)
    }

    @inline(__always)
    private mutating func add(
        _ request: UInt,
        _ key: VerifiedKey,
        for id: ReadID,
        at now: MonotonicTime
    ) -> Ticket {
        queue.add(
            request,
            key,
            for: id,
            since: now,
            until: now.advanced(byMilliseconds: timeoutMilliseconds)
        )
    }

    /// Drops a check whose answer was not handed out. Unknown tickets are ignored.
    mutating func cancel(_ ticket: Ticket) {
        if queue.remove(ticket) == nil { answers.removeAll { $0.ticket == ticket } }
    }

    /// The next answer to be handed out.
    mutating func nextAnswer() -> CheckAnswer? { answers.popFirst() }

    /// Answers the checks that have waited too long.
    mutating func answerOverdue(at now: MonotonicTime, _ decide: (Check) -> Decision) {
        for check in queue.removeOverdue(now) { answer(check, decide(check), at: now) }
    }

    /// Answers all checks. Reads that are wanted for their own sake stay.
    mutating func answerAll(at now: MonotonicTime, _ decide: (Check) -> Decision) {
        for check in queue.removeOverdue(.never) { answer(check, decide(check), at: now) }
    }

    /// Answers the checks of certain records.
    mutating func answer(
        where isWanted: (Locator) -> Bool,
        at now: MonotonicTime,
        _ decide: (Check) -> Decision
    ) {
        for check in queue.remove(where: isWanted) { answer(check, decide(check), at: now) }
    }

    /// Ends a read and answers its checks.
    @inline(__always)
    mutating func finish(_ id: ReadID, at now: MonotonicTime, _ decide: (Check) -> Decision) {
        guard reads.isInFlight(id) else { return }
        while let check = queue.removeFirst(of: id) { answer(check, decide(check), at: now) }
        reads.end(id)
    }

    @inline(__always)
    private mutating func answer(_ check: Check, _ decision: Decision, at now: MonotonicTime) {
        waits.add(from: check.since, to: now)
        answers.append(
            CheckAnswer(request: check.request, decision: decision, ticket: check.ticket)
        )
    }

    private mutating func read(of locator: Locator) -> ReadID {
        #if CANARIES
            if joinsSent, let read = reads.any(locator) { return read }
        #endif
        return reads.unsent(locator)
    }
}

// MARK: - Proofs

extension Checks {
    /// The newest PING to a node that checks wait for.
    func newestAwaitedPing(to node: Int) -> UInt64? { newestProof(of: node)?.ping }

    /// Whether checks wait for any.
    @inline(__always)
    var awaitsProof: Bool { !proofs.isEmpty }

    /// The last one is nearly always of the node: most stores have one.
    @inline(__always)
    private func newestProof(of node: Int) -> Proof? {
        guard let last = proofs.last, last.node != node else { return proofs.last }
        return proofs.last { $0.node == node }
    }

    /// All PINGs to a node up to a number are proven: decides their checks. A check without a decision waits for
    /// a read.
    mutating func prove(
        upTo ping: UInt64,
        of node: Int,
        at now: MonotonicTime,
        _ decide: (Check) -> Decision?
    ) {
        while let queue = removeProof(upTo: ping, of: node) { endProof(queue, at: now, decide) }
    }

    /// No PING to a node will be answered: the checks wait for reads.
    mutating func readUnproven(of node: Int) {
        while let proof = removeProof(upTo: .max, of: node) {
            while let check = queue.first(of: proof) {
                queue.moveFirst(of: proof, to: read(of: check.key.locator))
            }
            reads.release(proof)
        }
    }

    /// Removes the first PING to a node up to a number; returns its queue.
    private mutating func removeProof(upTo ping: UInt64, of node: Int) -> ReadID? {
        guard let first = proofs.first else { return nil }
        if first.node == node { return first.ping <= ping ? proofs.removeFirst().queue : nil }
        guard let index = proofs.firstIndex(where: { $0.node == node }),
            proofs[index].ping <= ping
        else { return nil }
        return proofs.remove(at: index).queue
    }

    private mutating func endProof(
        _ id: ReadID,
        at now: MonotonicTime,
        _ decide: (Check) -> Decision?
    ) {
        while let check = queue.first(of: id) {
            if let decision = decide(check) {
                queue.removeFirst(of: id)
                answer(check, decision, at: now)
            } else {
                queue.moveFirst(of: id, to: read(of: check.key.locator))
            }
        }
        reads.release(id)
    }

    private mutating func proof(_ ping: UInt64, _ node: Int) -> ReadID {
        if let last = newestProof(of: node), last.ping == ping { return last.queue }
        let id = reads.reserve()
        proofs.append(Proof(node: node, ping: ping, queue: id))
        return id
    }
}

// MARK: - Reads

extension Checks {
    /// Adds a read for its own sake.
    mutating func want(_ locator: Locator) {
        reads.want(reads.unsent(locator))
    }

    /// Whether reads are to be sent.
    var hasUnsentReads: Bool { reads.hasUnsent }

    /// The next read to be sent now, in the order of the first checks.
    ///
    /// - Parameter mayCache: Whether the reply may fill the cache: from now on invalidations of its
    ///   record will arrive.
    mutating func nextUnsentRead(mayCache: Bool) -> (id: ReadID, locator: Locator)? {
        guard let read = dequeueUnsentRead() else { return nil }
        reads.sent(read.id, mayCache: mayCache)
        return read
    }

    /// The next read that waits to be sent. It is in flight from now on: ``sent(_:mayCache:)`` or ``stall(_:)``
    /// follows.
    @inline(__always)
    mutating func dequeueUnsentRead() -> (id: ReadID, locator: Locator)? {
        while let id = reads.dequeueUnsent() {
            if reads.isWanted(id) || queue.hasChecks(for: id) { return (id, reads.locator(of: id)) }
            reads.end(id)
        }
        return nil
    }

    /// A dequeued read is sent.
    mutating func sent(_ id: ReadID, mayCache: Bool) { reads.sent(id, mayCache: mayCache) }

    /// A dequeued read cannot be sent now.
    mutating func stall(_ id: ReadID) { reads.stall(id) }

    /// Whether a dequeued read is to be stalled.
    func isHeld(_ id: ReadID) -> Bool { reads.isHeld(id) }

    /// Stalled reads may be sent again.
    mutating func resumeStalledReads() { reads.resumeStalled() }

    /// The reply to a read in flight may not fill the cache.
    mutating func neverCache(_ id: ReadID) { reads.neverCache(id) }

    /// What a read in flight asks for, and whether its reply may fill the cache.
    func inFlight(_ id: ReadID) -> (locator: Locator, mayCache: Bool)? {
        guard reads.isInFlight(id) else { return nil }
        return (reads.locator(of: id), reads.mayCache(id))
    }

    /// Repeats a read whose reply was lost or is of no use.
    ///
    /// - Parameter isHeld: Whether it waits until another server may have an answer.
    mutating func requeue(_ id: ReadID, isHeld: Bool = false) {
        guard reads.isInFlight(id) else { return }
        let other = reads.unsent(reads.locator(of: id))
        queue.move(from: id, to: other)
        if reads.isWanted(id) { reads.want(other) }
        if isHeld { reads.hold(other) }
        reads.end(id)
    }

    /// A record has changed: replies to its reads in flight may not fill the cache.
    mutating func invalidateInFlight(_ locator: Locator) {
        reads.invalidate(locator)
    }

    /// Any record may have changed.
    mutating func invalidateAllInFlight() {
        reads.invalidateAll()
    }
}
