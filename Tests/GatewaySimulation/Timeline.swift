import HeapModule

/// A moment or a span of the world's own time, which no machine's clock shows exactly.
typealias Nanoseconds = UInt64

extension Nanoseconds {
    static func microseconds(_ count: UInt64) -> Nanoseconds { count * 1000 }
    static func milliseconds(_ count: UInt64) -> Nanoseconds { count * 1_000_000 }
}

/// The world's time: what is going to happen, one thing after the other. No real clock is read.
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

    /// More events than any world has: it would never come to its end.
    private static let countMax = 2_000_000

    var chance: Chance
    let story: Story
    private(set) var now: Nanoseconds = 0

    /// Number of events so far: tells what was before what.
    private(set) var step = 0
    private var lastNumber = 0
    private var events = Heap<Event>()

    init(seed: UInt64, story: Story) {
        chance = Chance(seed: seed)
        self.story = story
    }

    /// Whether a promise was broken: the world stops there.
    var isOver: Bool { story.violation != nil }

    /// Lets something happen after a span.
    func after(_ span: Nanoseconds, _ action: @escaping () -> Void) {
        at(now + span, action)
    }

    /// Lets something happen at a moment, or now where that has passed.
    func at(_ moment: Nanoseconds, _ action: @escaping () -> Void) {
        lastNumber += 1
        events.insert(Event(at: max(moment, now), number: lastNumber, action: action))
    }

    /// Lets the world go on until a moment, or until something is done. May be called from within an
    /// event: whoever waits for something lets the others go on.
    func run(until end: Nanoseconds, unless isDone: () -> Bool = { false }) {
        while !isOver, !isDone() {
            guard let next = events.min, next.at <= end else {
                if end == .max { return story.broke("nothing happens any more", at: now) }
                now = max(now, end)
                return
            }
            _ = events.popMin()
            now = next.at
            step += 1
            if step == Self.countMax { story.broke("the world does not come to its end", at: now) }
            next.action()
        }
    }

    /// Tells what happens.
    func tell(_ text: @autoclosure () -> String) {
        story.tell(text(), at: now)
    }

    /// Notes that a promise was broken.
    func broke(_ text: String) {
        story.broke(text, at: now)
    }

    /// Two worlds with the same are most likely the same.
    var fingerprint: [UInt64] { [chance.state, now, UInt64(step), UInt64(lastNumber)] }
}
