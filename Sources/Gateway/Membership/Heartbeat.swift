import RedisClient

/// When a worker tells and asks whether all is still well: a PING where changes are told, its entry
/// in the list of gateways, and the records of open requests where changes are not told.
struct Heartbeats {
    private static let pauseMillisecondsMin: UInt64 = 10
    private static let pauseMillisecondsMax: UInt64 = 1000

    /// Where there is no lease, news for open streams still have to come over a live connection.
    private static let pauseMillisecondsWithoutLease: UInt64 = 250

    private let pauseMilliseconds: UInt64
    private var lastPing: UInt64 = 0
    private var lastEntry: UInt64 = 0
    private var lastVoidEntry: UInt64 = 0

    #if CANARIES
        private(set) var lastPingAt = MonotonicTime.origin
    #endif

    /// When the next PING is due, the next entry, and the next look at open requests.
    private(set) var nextPing = MonotonicTime.origin
    private(set) var nextEntry = MonotonicTime.origin
    private(set) var nextStreams = MonotonicTime.origin

    /// Four times in a lease.
    init(leaseMilliseconds: UInt64) {
        pauseMilliseconds =
            leaseMilliseconds == 0
            ? Self.pauseMillisecondsWithoutLease
            : min(max(leaseMilliseconds / 4, Self.pauseMillisecondsMin), Self.pauseMillisecondsMax)
    }

    /// The number of a PING that is due, which its answer has to repeat.
    mutating func takePing(_ now: MonotonicTime) -> UInt64? {
        guard nextPing <= now else { return nil }
        nextPing = now.advanced(byMilliseconds: pauseMilliseconds)
        lastPing += 1
        #if CANARIES
            lastPingAt = now
        #endif
        return lastPing
    }

    /// The number of an entry that is due.
    mutating func takeEntry(_ now: MonotonicTime) -> UInt64? {
        guard nextEntry <= now else { return nil }
        nextEntry = now.advanced(byMilliseconds: pauseMilliseconds)
        lastEntry += 1
        return lastEntry
    }

    /// Whether there may be an entry.
    var hasWritten: Bool { lastEntry > 0 }

    /// Whether an entry was written after all that is known to have removed it.
    func counts(entry number: UInt64) -> Bool { number > lastVoidEntry }

    /// PING and entry are due at once: a connection is new.
    mutating func hurry(_ now: MonotonicTime) {
        nextPing = now
        nextEntry = now
    }

    /// All entries that were written may be gone, those too whose answers are still to come.
    mutating func voidEntries(_ now: MonotonicTime) {
        discountEntries()
        nextEntry = now
    }

    /// No entry that was written so far counts, whatever is answered.
    mutating func discountEntries() {
        lastVoidEntry = lastEntry
    }
}

// MARK: - Open requests

extension Heartbeats {
    /// The longest between a change and its being noticed where changes are not told: a lease, as far
    /// as the pause follows it.
    var noticeMilliseconds: UInt64 { 4 * pauseMilliseconds }

    /// Open requests were looked at: the answers have as long again to come in time.
    mutating func putOffStreams(_ now: MonotonicTime) {
        nextStreams = now.advanced(byMilliseconds: noticeMilliseconds / 2)
    }

    /// Open requests are to be looked at at once.
    mutating func hurryStreams(_ now: MonotonicTime) {
        nextStreams = now
    }
}
