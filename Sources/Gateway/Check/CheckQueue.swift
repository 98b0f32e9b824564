import DequeModule
import KeyFormat
import RedisClient

/// Checks that wait, each for a read: a queue per read, in order of arrival.
///
/// To wait, to be answered and to time out moves a few numbers; memory is reused.
struct CheckQueue {
    /// A check that waits.
    struct Check {
        /// The caller's data.
        let request: UInt
        let key: VerifiedKey
        let ticket: Ticket
        /// Since when it waits.
        let since: MonotonicTime
    }

    /// Identifies a check: a slot, and how often it was used before.
    struct Ticket: Equatable {
        fileprivate let slot: Int
        fileprivate let generation: UInt32
    }

    private struct Slot {
        var generation: UInt32 = 1
        var check: Check?
        var place = Place(read: none, previous: none)
    }

    /// A check's place: its read, and its neighbors in the queue.
    private struct Place {
        var read: InflightReads.ID
        var previous: Int
        var next = none
    }

    private struct Line {
        var first = none
        var last = none
    }

    private static let none = -1

    private var slots: [Slot] = []
    private var freeSlots: [Int] = []
    private var lines: [Line] = []
    private var deadlines: Deque<(ticket: Ticket, deadline: MonotonicTime)> = []

    /// Number of checks that wait.
    private(set) var count = 0

    /// When the first check will have waited too long.
    var deadline: MonotonicTime { deadlines.first?.deadline ?? .never }

    /// Lets a check wait for a read. Deadlines must not go back from call to call.
    mutating func add(
        _ request: UInt,
        _ key: VerifiedKey,
        for read: InflightReads.ID,
        since now: MonotonicTime,
        until deadline: MonotonicTime
    ) -> Ticket {
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(Slot()) }
        let ticket = Ticket(slot: slot, generation: slots[slot].generation)
        slots[slot].check = Check(request: request, key: key, ticket: ticket, since: now)
        enqueue(slot, read)
        deadlines.append((ticket, deadline))
        count += 1
        return ticket
    }

    /// Removes a check; returns it if it was still waiting.
    @discardableResult
    mutating func remove(_ ticket: Ticket) -> Check? {
        guard slots.indices.contains(ticket.slot), isWaiting(ticket) else { return nil }
        return remove(slot: ticket.slot)
    }

    /// Whether checks wait for a read.
    func hasChecks(for read: InflightReads.ID) -> Bool { first(of: read) != nil }

    /// Removes the first check that waits for a read.
    mutating func removeFirst(of read: InflightReads.ID) -> Check? {
        first(of: read).flatMap { remove(slot: $0) }
    }

    /// Moves the checks of one read to another.
    mutating func move(from read: InflightReads.ID, to other: InflightReads.ID) {
        while let slot = first(of: read) {
            dequeue(slot)
            enqueue(slot, other)
        }
    }

    /// Removes the checks that have waited too long.
    mutating func removeOverdue(_ now: MonotonicTime) -> [Check] {
        var overdue: [Check] = []
        while let first = deadlines.first, first.deadline <= now {
            deadlines.removeFirst()
            if let check = remove(first.ticket) { overdue.append(check) }
        }
        return overdue
    }

    private func isWaiting(_ ticket: Ticket) -> Bool {
        slots[ticket.slot].generation == ticket.generation && slots[ticket.slot].check != nil
    }

    private mutating func remove(slot: Int) -> Check? {
        let check = slots[slot].check
        dequeue(slot)
        slots[slot].check = nil
        slots[slot].generation = max(1, slots[slot].generation &+ 1)
        freeSlots.append(slot)
        count -= 1
        dropPastDeadlines()
        return check
    }

    private mutating func dropPastDeadlines() {
        while let first = deadlines.first, !isWaiting(first.ticket) { deadlines.removeFirst() }
    }
}

// MARK: - A read's queue

extension CheckQueue {
    private func first(of read: InflightReads.ID) -> Int? {
        guard read < lines.count, lines[read].first != Self.none else { return nil }
        return lines[read].first
    }

    private mutating func enqueue(_ slot: Int, _ read: InflightReads.ID) {
        while lines.count <= read { lines.append(Line()) }
        let last = lines[read].last
        slots[slot].place = Place(read: read, previous: last)
        if last == Self.none { lines[read].first = slot } else { slots[last].place.next = slot }
        lines[read].last = slot
    }

    private mutating func dequeue(_ slot: Int) {
        let place = slots[slot].place
        if place.previous == Self.none {
            lines[place.read].first = place.next
        } else {
            slots[place.previous].place.next = place.next
        }
        if place.next == Self.none {
            lines[place.read].last = place.previous
        } else {
            slots[place.next].place.previous = place.previous
        }
    }
}

extension CheckQueue.Ticket {
    /// The ticket as a number, never 0.
    var number: UInt64 { UInt64(generation) << 32 | UInt64(slot) }

    /// The ticket with a number, which may never have been issued.
    init(number: UInt64) {
        generation = UInt32(truncatingIfNeeded: number >> 32)
        slot = Int(UInt32(truncatingIfNeeded: number))
    }
}
