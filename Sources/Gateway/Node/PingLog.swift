import DequeModule
import RedisClient

/// The PINGs of an invalidation link: what their answers prove.
///
/// An answer comes after all invalidations of what the server had done before it read the question. But
/// a server with I/O threads may hand an answer out before the invalidations of the same turn of its event
/// loop. Then only the next question's answer proves what the first one said.
struct PingLog {
    /// A PING, by its number and the moment at which it was sent.
    typealias Ping = (number: UInt64, sentAt: MonotonicTime)

    private static let none: Ping = (0, .origin)

    /// PINGs that were not answered, each with the newest that was answered when it was sent.
    private var pending: Deque<(ping: Ping, answered: Ping)> = []

    /// The newest PING that was answered.
    private(set) var answered = none

    /// The newest PING that the answers prove on any server; number 0 if there is none.
    private(set) var proven = none

    /// Whether the last answer was a refusal: waiting for another is pointless.
    private(set) var isRefused = false

    /// Whether an answer may overtake invalidations. Until the server is known, it may.
    var answersMayOvertake = true

    #if CANARIES
        var countsFromArrival = false
        var countsNewest = false
        var believesFirstAnswer = false
    #endif

    /// A PING is sent.
    mutating func sent(_ number: UInt64, at now: MonotonicTime) {
        pending.append(((number, now), answered))
    }

    /// The first pending PING is answered. Returns `false` if that is another one.
    mutating func answered(_ number: UInt64, at now: MonotonicTime) -> Bool {
        guard let (ping, before) = pending.first, ping.number == number else { return false }
        pending.removeFirst()
        isRefused = false
        answered = ping
        proven = before
        #if CANARIES
            if believesFirstAnswer { proven = ping }
            if countsFromArrival { proven.sentAt = now }
            if countsNewest, let newest = pending.last?.ping { proven = newest }
        #endif
        return true
    }

    /// The first pending PING is refused: it proves nothing.
    mutating func refused() {
        _ = pending.popFirst()
        isRefused = true
    }

    /// The connection is gone, and with it what was pending.
    mutating func reset() {
        pending.removeAll(keepingCapacity: true)
        isRefused = false
        answered = Self.none
        proven = Self.none
    }

    /// Whether an answer is on its way.
    var isPending: Bool { !pending.isEmpty }

    /// Whether the pending answers will not prove a number, although another PING would help: the number was
    /// not sent yet, or its answer has arrived since the newest PING was sent.
    func needsAnother(for number: UInt64) -> Bool {
        guard let newest = pending.last else { return true }
        return number > newest.ping.number
            || number > newest.answered.number && number <= answered.number
    }

    /// The newest number that this server's answers prove.
    var provenNumber: UInt64 { answersMayOvertake ? proven.number : answered.number }
}
