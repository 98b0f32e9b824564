import DequeModule
import KeyFormat
import RedisClient

/// Checks that wait, each for a read: a queue per read, in order of arrival.
struct CheckQueue {
    typealias Ticket = SlotTable<Entry>.Handle

    /// A check that waits.
    struct Check {
        /// The caller's data.
        let request: UInt
        let key: VerifiedKey
        let ticket: Ticket
        /// Since when it waits.
        let since: MonotonicTime
    }

    /// A check with its place: its read, and its neighbours in the queue.
    struct Entry {
        fileprivate let request: UInt
        fileprivate let key: VerifiedKey
        fileprivate let since: MonotonicTime
        fileprivate var read: InflightReads.ID
        fileprivate var previous = none
        fileprivate var next = none
    }

    private struct Ends {
        var first = none
        var last = none
    }

    private static let none = -1

    private var entries = SlotTable<Entry>()
    private var queues: [Ends] = []
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
        let ticket = entries.insert(Entry(request: request, key: key, since: now, read: read))
        enqueue(ticket.slot, read)
        deadlines.append((ticket, deadline))
        count += 1
        return ticket
    }

    /// Removes a check; returns it if it was still waiting.
    @discardableResult
    mutating func remove(_ ticket: Ticket) -> Check? {
        entries.contains(ticket) ? remove(slot: ticket.slot) : nil
    }

    /// Whether checks wait for a read.
    func hasChecks(for read: InflightReads.ID) -> Bool { firstSlot(of: read) != nil }

    /// Removes the first check that waits for a read.
    @discardableResult
    mutating func removeFirst(of read: InflightReads.ID) -> Check? {
        firstSlot(of: read).map { remove(slot: $0) }
    }

    /// The first check that waits for a read.
    func first(of read: InflightReads.ID) -> Check? { firstSlot(of: read).map(check) }

    /// Moves the first check that waits for a read to another.
    mutating func moveFirst(of read: InflightReads.ID, to other: InflightReads.ID) {
        guard let slot = firstSlot(of: read) else { return }
        dequeue(slot)
        enqueue(slot, other)
    }

    /// Moves the checks of one read to another.
    mutating func move(from read: InflightReads.ID, to other: InflightReads.ID) {
        while hasChecks(for: read) { moveFirst(of: read, to: other) }
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

    /// Removes the checks of certain records.
    mutating func remove(where isWanted: (Locator) -> Bool) -> [Check] {
        let slots = entries.usedSlots.filter { isWanted(entries[$0].key.locator) }
        return slots.map { remove(slot: $0) }
    }

    private func check(_ slot: Int) -> Check {
        let entry = entries[slot]
        return Check(
            request: entry.request,
            key: entry.key,
            ticket: entries.handle(slot),
            since: entry.since
        )
    }

    private mutating func remove(slot: Int) -> Check {
        let check = check(slot)
        dequeue(slot)
        entries.remove(slot)
        count -= 1
        dropPastDeadlines()
        return check
    }

    private mutating func dropPastDeadlines() {
        while let first = deadlines.first, !entries.contains(first.ticket) {
            deadlines.removeFirst()
        }
    }
}

// MARK: - A read's queue

extension CheckQueue {
    private func firstSlot(of read: InflightReads.ID) -> Int? {
        guard read < queues.count, queues[read].first != Self.none else { return nil }
        return queues[read].first
    }

    private mutating func enqueue(_ slot: Int, _ read: InflightReads.ID) {
        while queues.count <= read { queues.append(Ends()) }
        let last = queues[read].last
        entries[slot].read = read
        entries[slot].previous = last
        entries[slot].next = Self.none
        if last == Self.none { queues[read].first = slot } else { entries[last].next = slot }
        queues[read].last = slot
    }

    private mutating func dequeue(_ slot: Int) {
        let (read, previous, next) = (
            entries[slot].read, entries[slot].previous, entries[slot].next
        )
        if previous == Self.none {
            queues[read].first = next
        } else {
            entries[previous].next = next
        }
        if next == Self.none {
            queues[read].last = previous
        } else {
            entries[next].previous = previous
        }
    }
}
