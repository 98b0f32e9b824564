import DequeModule
import KeyFormat

/// Reads of records, queued and in flight.
///
/// At most one read per record is queued. Of those in flight only the newest may fill the cache, and
/// only if no invalidation arrived since it was sent.
struct InflightReads {
    /// Identifies a read until it ends, and is then reused.
    typealias ID = Int

    private enum State {
        case unsent
        case inFlight
        case ended
    }

    private struct Read {
        let locator: Locator
        var state = State.unsent
        var isWanted = false
        /// Whether it is not sent before others may have an answer.
        var isHeld = false
        /// The epoch in which the read was sent, if its reply may fill the cache.
        var epoch: UInt64 = 0
    }

    private static let chainCount = 1024
    private static let anyLocator = Locator.nobody

    private var reads: [Read] = []
    private var freeIDs: [ID] = []
    private var unsent: Deque<ID> = []

    /// Unsent reads that no server can answer now.
    private var stalled: [ID] = []
    private var chains = SlotChains(count: chainCount)

    /// Replies to reads of earlier epochs may not fill the cache.
    private var epoch: UInt64 = 1

    /// The queued read of a record, added if there is none.
    mutating func unsent(_ locator: Locator) -> ID {
        let unsent = chains.first(locator) { id in
            reads[id].locator == locator && reads[id].state == .unsent
        }
        return unsent ?? begin(locator)
    }

    #if CANARIES
        /// Any read of a record, sent or not.
        func any(_ locator: Locator) -> ID? {
            chains.first(locator) { reads[$0].locator == locator }
        }
    #endif

    /// Has a read sent even if no check waits for it.
    mutating func want(_ id: ID) {
        reads[id].isWanted = true
    }

    /// Whether a read is sent even if no check waits for it.
    func isWanted(_ id: ID) -> Bool { reads[id].isWanted }

    /// Whether reads are to be sent.
    var hasUnsent: Bool { !unsent.isEmpty }

    /// Removes the next read from the queue; it counts as in flight from now on.
    mutating func dequeueUnsent() -> ID? {
        guard let id = unsent.popFirst() else { return nil }
        reads[id].state = .inFlight
        return id
    }

    /// Sets a dequeued read aside, as no server can answer it now. It is queued again by ``resumeStalled()``.
    mutating func stall(_ id: ID) {
        reads[id].state = .unsent
        reads[id].isHeld = false
        stalled.append(id)
    }

    /// Queues the stalled reads again: a server may be able to answer them.
    mutating func resumeStalled() {
        unsent.append(contentsOf: stalled)
        stalled.removeAll(keepingCapacity: true)
    }

    /// Has an unsent read stalled when it is dequeued.
    mutating func hold(_ id: ID) { reads[id].isHeld = true }

    /// Whether a read is to be stalled.
    func isHeld(_ id: ID) -> Bool { reads[id].isHeld }

    /// The reply to a read may not fill the cache.
    mutating func neverCache(_ id: ID) { reads[id].epoch = 0 }

    /// A read is sent. Older ones of its record may no longer fill the cache.
    ///
    /// - Parameter mayCache: Whether this one may.
    mutating func sent(_ id: ID, mayCache: Bool) {
        invalidate(reads[id].locator)
        if mayCache { reads[id].epoch = epoch }
    }

    /// Whether this is the number of a read that was sent and has not ended.
    func isInFlight(_ id: ID) -> Bool { reads.indices.contains(id) && reads[id].state == .inFlight }

    /// What a read asks for.
    func locator(of id: ID) -> Locator { reads[id].locator }

    /// Whether the reply to a read may fill the cache.
    func mayCache(_ id: ID) -> Bool { reads[id].epoch == epoch }

    /// A record has changed: its reads in flight may no longer fill the cache.
    mutating func invalidate(_ locator: Locator) {
        var next = chains.first(locator)
        while let id = next {
            if reads[id].locator == locator { reads[id].epoch = 0 }
            next = chains.next(id)
        }
    }

    /// Any record may have changed.
    mutating func invalidateAll() {
        epoch += 1
    }

    /// Ends a read that was dequeued.
    mutating func end(_ id: ID) {
        chains.remove(id, reads[id].locator)
        release(id)
    }

    /// An ID for a queue that waits for something else than a read, to be released.
    mutating func reserve() -> ID {
        let id = freeIDs.popLast() ?? reads.count
        if id == reads.count { reads.append(Read(locator: Self.anyLocator)) }
        return id
    }

    /// Frees an ID that was reserved.
    mutating func release(_ id: ID) {
        reads[id].state = .ended
        freeIDs.append(id)
    }

    private mutating func begin(_ locator: Locator) -> ID {
        let id = freeIDs.popLast() ?? reads.count
        let read = Read(locator: locator)
        if id == reads.count { reads.append(read) } else { reads[id] = read }
        chains.add(id, locator)
        unsent.append(id)
        return id
    }
}
