import RedisClient

/// When the map of slots is asked for, and which answer counts.
///
/// It is asked for whenever a server says something that does not fit it, and once a second all the same: a slot
/// that is taken by force moves without a word.
struct MapReader {
    private static let pauseMilliseconds: UInt64 = 1000

    /// Servers that contradict each other do not make it ask more often.
    private static let pauseMillisecondsMin: UInt64 = 20

    private var isWanted = true
    private var preferred: Int?

    /// When a server was last asked, and how often one was.
    private var askedAt: MonotonicTime?
    private(set) var asked: UInt64 = 0

    /// The last question whose answer was taken: earlier ones are older news.
    private var answered: UInt64 = 0

    /// The map does not fit what a server has said.
    ///
    /// - Parameter place: The one who knows better; `nil` if nobody in particular does.
    mutating func want(from place: Int? = nil) {
        isWanted = true
        preferred = place ?? preferred
    }

    /// When to ask.
    var due: MonotonicTime {
        guard let askedAt else { return .origin }
        let pause = isWanted ? Self.pauseMillisecondsMin : Self.pauseMilliseconds
        return askedAt.advanced(byMilliseconds: pause)
    }

    /// Whom to ask now, with the number of the question.
    ///
    /// - Parameter ready: Places whose primaries can be asked.
    mutating func next(_ ready: [Int], _ now: MonotonicTime) -> (place: Int, number: UInt64)? {
        guard due <= now, !ready.isEmpty else { return nil }
        let turn = ready[Int(asked % UInt64(ready.count))]
        let place = preferred.flatMap { ready.contains($0) ? $0 : nil } ?? turn
        isWanted = false
        preferred = nil
        return (place, ask(now))
    }

    /// A server is asked; the number of the question.
    mutating func ask(_ now: MonotonicTime) -> UInt64 {
        askedAt = now
        asked += 1
        return asked
    }

    /// A question is answered. Returns whether no later one has been.
    mutating func isNews(_ number: UInt64) -> Bool {
        guard number > answered else { return false }
        answered = number
        return true
    }
}
