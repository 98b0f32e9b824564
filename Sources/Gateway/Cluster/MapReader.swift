import RedisClient

/// Schedules the queries for the slot map, and drops answers that a newer one has overtaken.
///
/// The map is requested as soon as a server contradicts it, and once a second in any case: a slot that is taken
/// over by force moves without notice.
struct MapReader {
    private static let pauseMilliseconds: UInt64 = 1000

    /// The first pause after a request. It doubles while requests continue, so that servers which contradict each
    /// other, or move many slots, are queried less often.
    private static let requestedPauseMillisecondsMin: UInt64 = 20

    /// The longest of these pauses: checks that wait for a map should get it before they time out.
    private static let requestedPauseMillisecondsMax: UInt64 = 80

    /// Whether a map is needed before the next regular query.
    private(set) var isRequested = true
    private var requestedPauseMilliseconds = requestedPauseMillisecondsMin
    private var preferred: Int?

    /// The places whose servers returned no usable map last time. They are never preferred.
    private var mapless: Set<Int> = []

    private var queriedAt: MonotonicTime?

    /// The number of the newest query.
    private(set) var lastQuery: UInt64 = 0

    /// The newest query with an accepted answer. Answers to older queries are out of date.
    private var lastAccepted: UInt64 = 0

    /// A server contradicts the map, or its connection has changed.
    ///
    /// - Parameter place: The server most likely to have a newer map; `nil` for any.
    mutating func requestMap(from place: Int? = nil) {
        isRequested = true
        preferred = place ?? preferred
    }

    /// When the next query is due.
    var due: MonotonicTime {
        guard let queriedAt else { return .origin }
        let pause = isRequested ? requestedPauseMilliseconds : Self.pauseMilliseconds
        return queriedAt.advanced(byMilliseconds: pause)
    }

    /// Begins a query that is due. Returns the place to ask, and the query's number.
    ///
    /// - Parameters:
    ///   - ready: Places whose primaries can be asked.
    ///   - isReady: Whether the server in a place can be asked, guests included.
    mutating func nextQuery(_ ready: [Int], isReady: (Int) -> Bool, _ now: MonotonicTime)
        -> (place: Int, query: UInt64)?
    {
        guard due <= now, !ready.isEmpty else { return nil }
        let turn = ready[Int(lastQuery % UInt64(ready.count))]
        let place = preferred.flatMap { isReady($0) && mayPrefer($0) ? $0 : nil } ?? turn
        requestedPauseMilliseconds =
            isRequested
            ? min(requestedPauseMilliseconds * 2, Self.requestedPauseMillisecondsMax)
            : Self.requestedPauseMillisecondsMin
        isRequested = false
        preferred = nil
        return (place, beginQuery(now))
    }

    /// Begins a query, due or not. Returns its number.
    mutating func beginQuery(_ now: MonotonicTime) -> UInt64 {
        queriedAt = now
        lastQuery += 1
        return lastQuery
    }

    /// Whether a server may be asked out of turn.
    func mayPrefer(_ place: Int) -> Bool { !mapless.contains(place) }

    /// The server in a place has answered, with a usable map or without.
    mutating func answered(_ place: Int, withMap hasMap: Bool) {
        if hasMap { mapless.remove(place) } else { mapless.insert(place) }
    }

    /// Accepts the answer to a query, unless a newer query has been answered. Returns whether it did.
    mutating func acceptAnswer(to query: UInt64) -> Bool {
        guard query > lastAccepted else { return false }
        lastAccepted = query
        return true
    }
}
