import DequeModule
import KeyFormat
import RedisClient

/// Checks that wait for the store, and the reads that will answer them.
///
/// Checks of one organization share a read that has not been sent; a read that is under way is
/// never joined, because its answer may be older than the check. A read may also be wanted for its
/// own sake: then it goes on when nobody waits for it.
struct PendingChecks {
    /// A check that waits.
    struct Check {
        /// The caller's mark.
        let request: UInt
        let key: VerifiedKey
        let ticket: Ticket
        /// Since when it waits.
        let since: MonotonicTime
    }

    /// Names a check: a slot, and how often the slot was used before.
    struct Ticket: Equatable {
        fileprivate let slot: Int
        fileprivate let generation: UInt32
    }

    /// Names a read until it is finished.
    typealias ReadID = Int

    private struct Slot {
        var generation: UInt32 = 1
        var check: Check?
    }

    private struct Read {
        let locator: Locator
        var tickets: [Ticket]
        var isWanted = false
    }

    private let countMax: Int
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var reads: [Read?] = []
    private var freeReads: [ReadID] = []
    private var unsent: [ReadID] = []
    private var unsentByLocator: [Locator: ReadID] = [:]
    private var deadlines: Deque<(ticket: Ticket, deadline: MonotonicTime)> = []

    /// Number of checks that wait.
    private(set) var count = 0

    #if CANARIES
        /// Joins reads that are under way.
        var joinsSent = false
    #endif

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Lets a check wait; deadlines must not go back from call to call. `nil` when too many wait
    /// already.
    mutating func add(
        request: UInt,
        key: VerifiedKey,
        at now: MonotonicTime,
        deadline: MonotonicTime
    ) -> Ticket? {
        guard count < countMax else { return nil }
        let ticket = occupySlot(request, key, now)
        deadlines.append((ticket, deadline))
        #if CANARIES
            if joinsSent, let read = reads.firstIndex(where: { $0?.locator == key.locator }) {
                reads[read]?.tickets.append(ticket)
                return ticket
            }
        #endif
        if let read = unsentByLocator[key.locator] {
            reads[read]?.tickets.append(ticket)
        } else {
            enqueue(Read(locator: key.locator, tickets: [ticket]))
        }
        return ticket
    }

    /// Adds a read that is wanted for its own sake.
    mutating func want(_ locator: Locator) {
        if let read = unsentByLocator[locator] {
            reads[read]?.isWanted = true
        } else {
            enqueue(Read(locator: locator, tickets: [], isWanted: true))
        }
    }

    /// Forgets a check; returns it where it still waited.
    @discardableResult
    mutating func remove(_ ticket: Ticket) -> Check? {
        guard slots.indices.contains(ticket.slot),
            slots[ticket.slot].generation == ticket.generation,
            let check = slots[ticket.slot].check
        else { return nil }
        slots[ticket.slot].check = nil
        slots[ticket.slot].generation = max(1, ticket.generation &+ 1)
        freeSlots.append(ticket.slot)
        count -= 1
        return check
    }

    /// Whether reads are to be sent.
    var hasUnsent: Bool { !unsent.isEmpty }

    /// Hands over the reads that are to be sent now, in the order of their first checks.
    mutating func takeUnsent() -> [(id: ReadID, locator: Locator)] {
        defer {
            unsent.removeAll(keepingCapacity: true)
            unsentByLocator.removeAll(keepingCapacity: true)
        }
        return unsent.compactMap { id in
            guard let read = reads[id] else { return nil }
            guard read.isWanted || read.tickets.contains(where: isWaiting) else {
                discard(id)
                return nil
            }
            return (id, read.locator)
        }
    }

    /// What a read asks for.
    func locator(of id: ReadID) -> Locator? {
        reads.indices.contains(id) ? reads[id]?.locator : nil
    }

    /// Ends a read; returns what was read, and the checks that it answers.
    mutating func finish(_ id: ReadID) -> (locator: Locator, checks: [Check])? {
        guard reads.indices.contains(id), let read = reads[id] else { return nil }
        discard(id)
        let checks = read.tickets.compactMap { remove($0) }
        dropPastDeadlines()
        return (read.locator, checks)
    }

    /// Takes back a read whose answer was lost: it is to be sent again.
    mutating func resend(_ id: ReadID) {
        guard reads.indices.contains(id), let read = reads[id] else { return }
        guard let other = unsentByLocator[read.locator] else {
            unsent.append(id)
            unsentByLocator[read.locator] = id
            return
        }
        reads[other]?.tickets += read.tickets
        if read.isWanted { reads[other]?.isWanted = true }
        discard(id)
    }

    /// Ends the checks that have waited too long.
    mutating func takeOverdue(_ now: MonotonicTime) -> [Check] {
        var overdue: [Check] = []
        while let first = deadlines.first, first.deadline <= now {
            deadlines.removeFirst()
            if let check = remove(first.ticket) { overdue.append(check) }
        }
        return overdue
    }

    /// Ends all checks; no read is under way. Wanted reads go on.
    mutating func takeAll() -> [Check] {
        let wanted = reads.compactMap { $0?.isWanted == true ? $0?.locator : nil }
        unsent.removeAll()
        unsentByLocator.removeAll()
        reads.removeAll()
        freeReads.removeAll()
        for locator in wanted { want(locator) }
        return takeOverdue(.never)
    }

    /// When the first check has waited too long.
    var deadline: MonotonicTime { deadlines.first?.deadline ?? .never }

    private func isWaiting(_ ticket: Ticket) -> Bool {
        slots[ticket.slot].generation == ticket.generation
    }

    private mutating func dropPastDeadlines() {
        while let first = deadlines.first, !isWaiting(first.ticket) { deadlines.removeFirst() }
    }

    private mutating func occupySlot(
        _ request: UInt,
        _ key: VerifiedKey,
        _ now: MonotonicTime
    ) -> Ticket {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        let ticket = Ticket(slot: slot, generation: slots[slot].generation)
        slots[slot].check = Check(
            request: request,
            key: key,
            ticket: ticket,
            since: now
        )
        count += 1
        return ticket
    }

    private mutating func enqueue(_ read: Read) {
        let id = freeReads.popLast() ?? reads.count
        if id == reads.count { reads.append(read) } else { reads[id] = read }
        unsent.append(id)
        unsentByLocator[read.locator] = id
    }

    private mutating func discard(_ id: ReadID) {
        reads[id] = nil
        freeReads.append(id)
    }
}

extension PendingChecks.Ticket {
    /// The ticket as a number, never 0.
    var number: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    /// The ticket that a number stands for, whether or not it was ever given out.
    init(number: UInt64) {
        generation = UInt32(truncatingIfNeeded: number >> 32)
        slot = Int(UInt32(truncatingIfNeeded: number))
    }
}
