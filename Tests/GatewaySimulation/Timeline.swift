import HeapModule

/// A moment or a span of the world's own time; no machine's clock shows it exactly.
typealias Nanoseconds = UInt64

extension Nanoseconds {
    static func microseconds(_ count: UInt64) -> Nanoseconds { count * 1000 }
    static func milliseconds(_ count: UInt64) -> Nanoseconds { count * 1_000_000 }
}

/// The world's time: a queue of events. No real clock is read.
final class Timeline {
    private struct Event: Comparable {
        let at: Nanoseconds
        let number: Int
        let action: () -> Void

        static func < (left: Event, right: Event) -> Bool {
            (left.at, left.number) < (right.at, right.number)
        }

        static func == (left: Event, right: Event) -> Bool { left.number == right.number }
    }

    /// More events than any world has: one that reaches it would never end.
    private static let countMax = 2_000_000

    var chance: Chance
    let story: Story
    private(set) var now: Nanoseconds = 0

    /// Number of events so far.
    private(set) var step = 0
    private var lastNumber = 0
    private var events = Heap<Event>()

    init(seed: UInt64, story: Story) {
        chance = Chance(seed: seed)
        self.story = story
    }

    /// Whether a promise was broken: the world stops there.
    var isOver: Bool { story.violation != nil }

    /// Schedules an event after a span.
    func after(_ span: Nanoseconds, _ action: @escaping () -> Void) {
        at(now + span, action)
    }

    /// Schedules an event at a moment, or now if the moment has passed.
    func at(_ moment: Nanoseconds, _ action: @escaping () -> Void) {
        lastNumber += 1
        events.insert(Event(at: max(moment, now), number: lastNumber, action: action))
    }

    /// Runs events until a moment, or until a condition holds. May be called from within an event, so
    /// that one client can wait while the others act.
    func run(until end: Nanoseconds, unless isDone: () -> Bool = { false }) {
        while !isOver, !isDone() {
            guard let next = events.min, next.at <= end else {
                if end == .max { return story.fail("there are no more events", at: now) }
                now = max(now, end)
                return
            }
            _ = events.popMin()
            now = next.at
            step += 1
            if step == Self.countMax { story.fail("the world does not end", at: now) }
            next.action()
        }
    }

    /// Adds a line to the story.
    func log(_ text: @autoclosure () -> String) {
        story.log(text(), at: now)
    }

    /// Records a violation, which ends the world.
    func fail(_ text: String) {
        story.fail(text, at: now)
    }

    /// Two worlds with the same fingerprint are most likely the same.
    var fingerprint: [UInt64] { [chance.state, now, UInt64(step), UInt64(lastNumber)] }
}
