import RedisClient

/// Which server the sentinels call the primary, and up to when that is known.
///
/// Once a majority of the configured sentinels has named another server, no majority names this one until it is
/// elected anew. So what a majority says is true at least up to the moment at which the first of them was
/// asked. Of each sentinel the newest answer counts; one that names nobody replaces the one before.
struct Attestation {
    private struct Answer {
        let primary: Endpoint
        let askedAt: MonotonicTime
    }

    private let majority: Int

    /// The newest answer of each sentinel; `nil` where it names nobody.
    private var answers: [Answer?]

    #if CANARIES
        var oneSuffices = false
        var countsFromArrival = false
    #endif

    /// - Parameter majority: How many of the sentinels have to agree.
    init(sentinelCount: Int, majority: Int) {
        self.majority = majority
        answers = Array(repeating: nil, count: sentinelCount)
    }

    /// A sentinel has answered.
    ///
    /// - Parameters:
    ///   - primary: The server that it names; `nil` if it names none by an IP address.
    ///   - askedAt: When the question was sent.
    ///   - now: When the answer came.
    mutating func answered(
        _ sentinel: Int,
        _ primary: Endpoint?,
        askedAt: MonotonicTime,
        at now: MonotonicTime
    ) {
        var askedAt = askedAt
        #if CANARIES
            if countsFromArrival { askedAt = now }
        #endif
        answers[sentinel] = primary.map { Answer(primary: $0, askedAt: askedAt) }
    }

    /// Up to when a server is known to be the primary; `nil` if no majority names it.
    func attestedAt(_ server: Endpoint) -> MonotonicTime? {
        let moments = answers.compactMap { $0?.primary == server ? $0?.askedAt : nil }
        guard moments.count >= needed else { return nil }
        return moments.sorted(by: >)[needed - 1]
    }

    /// The server that a majority names.
    var primary: Endpoint? {
        answers.lazy.compactMap { $0?.primary }.first { count(naming: $0) >= majority }
    }

    /// How many sentinels name a server.
    func count(naming server: Endpoint) -> Int { answers.count { $0?.primary == server } }

    private var needed: Int {
        #if CANARIES
            if oneSuffices { return 1 }
        #endif
        return majority
    }
}
