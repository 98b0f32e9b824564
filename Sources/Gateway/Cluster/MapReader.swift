import RedisClient

/// When the map of slots is asked for, and which answer counts.
///
/// It is asked for whenever a server says something that does not fit it, and once a second all the same: a slot
/// that is taken by force moves without a word.
struct MapReader {
    private static let pauseMilliseconds: UInt64 = 1000

    /// After something that does not fit, at first: servers that contradict each other, or move a lot, are asked less and
    /// less often.
    private static let pauseMillisecondsMin: UInt64 = 20

    /// The longest of these pauses: what waits for an answer should have it before its time is up.
    private static let wantedPauseMillisecondsMax: UInt64 = 80

    /// Whether something does not fit the map.
    private(set) var isWanted = true
    private var wantedPauseMilliseconds = pauseMillisecondsMin
    private var preferred: Int?

    /// The places whose servers gave no map when they were last asked: they do not take the turns of others.
    private var mapless: Set<Int> = []

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
        let pause = isWanted ? wantedPauseMilliseconds : Self.pauseMilliseconds
        return askedAt.advanced(byMilliseconds: pause)
    }

    /// Whom to ask now, with the number of the question.
    ///
    /// - Parameters:
    ///   - ready: Places whose primaries can be asked.
    ///   - isReady: Whether the server in any place can be, such as one that slots are being moved to.
    mutating func next(_ ready: [Int], isReady: (Int) -> Bool, _ now: MonotonicTime)
        -> (place: Int, number: UInt64)?
    {
        guard due <= now, !ready.isEmpty else { return nil }
        let turn = ready[Int(asked % UInt64(ready.count))]
        let place = preferred.flatMap { isReady($0) && mayPrefer($0) ? $0 : nil } ?? turn
        wantedPauseMilliseconds =
            isWanted
            ? min(wantedPauseMilliseconds * 2, Self.wantedPauseMillisecondsMax)
            : Self.pauseMillisecondsMin
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

    /// Whether a server may be asked out of turn.
    func mayPrefer(_ place: Int) -> Bool { !mapless.contains(place) }

    /// The server in a place has given a map, or none that can be used.
    mutating func answered(_ place: Int, withMap givesMap: Bool) {
        if givesMap { mapless.remove(place) } else { mapless.insert(place) }
    }

    /// A question is answered. Returns whether no later one has been.
    mutating func isNews(_ number: UInt64) -> Bool {
        guard number > answered else { return false }
        answered = number
        return true
    }
}
