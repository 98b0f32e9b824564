import DequeModule
import KeyFormat
import RedisClient

/// Checks that wait for the store, and the reads that will answer them.
///
/// Checks of one organization share a read that has not been sent; a read that is under way is
/// never joined, because its answer may be older than the check.
struct PendingChecks {
    /// A check that waits.
    struct Check {
        /// The caller's mark.
        let request: UInt
        let key: KeyVerifier.IssuedKey
        let ticket: Ticket
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

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// Lets a check wait; deadlines must not go back from call to call. `nil` when too many wait
    /// already.
    mutating func add(request: UInt, key: KeyVerifier.IssuedKey, deadline: MonotonicTime) -> Ticket?
    {
        guard count < countMax else { return nil }
        let ticket = occupySlot(request, key)
        deadlines.append((ticket, deadline))
        if let read = unsentByLocator[key.locator] {
            reads[read]?.tickets.append(ticket)
        } else {
            enqueue(Read(locator: key.locator, tickets: [ticket]))
        }
        return ticket
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
            guard read.tickets.contains(where: isWaiting) else {
                discard(id)
                return nil
            }
            return (id, read.locator)
        }
    }

    /// Ends a read; returns the checks that it answers.
    mutating func finish(_ id: ReadID) -> [Check] {
        guard reads.indices.contains(id), let read = reads[id] else { return [] }
        discard(id)
        let checks = read.tickets.compactMap { remove($0) }
        dropPastDeadlines()
        return checks
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

    /// Ends all checks.
    mutating func takeAll() -> [Check] {
        defer {
            unsent.removeAll()
            unsentByLocator.removeAll()
            reads.removeAll()
            freeReads.removeAll()
        }
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

    private mutating func occupySlot(_ request: UInt, _ key: KeyVerifier.IssuedKey) -> Ticket {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        let ticket = Ticket(slot: slot, generation: slots[slot].generation)
        slots[slot].check = Check(request: request, key: key, ticket: ticket)
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
