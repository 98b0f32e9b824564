import RedisClient

/// A primary by its address, in one version of the sentinels' configuration. A server that is elected again has
/// the same address.
struct ElectedPrimary: Equatable {
    let address: Endpoint
    let configEpoch: UInt64

    /// Reads a sentinel's report; `nil` if it names no primary, cannot reach it, or is failing it over.
    init?(_ reply: RedisReply) {
        guard let report = SentinelReport(reply), !report.isDown, !report.isFailingOver,
            let address = report.address, let epoch = report.configEpoch
        else { return nil }
        self.address = address
        configEpoch = epoch
    }
}

/// The primary that a majority of the sentinels names, and the moment up to which that is proven.
///
/// Once a majority of the configured sentinels has named another server, no majority names this one until it is
/// elected again. So the answers of a majority hold at least up to the moment when the first of them was asked.
/// Only the newest answer of each sentinel counts, even if it names no primary.
struct Attestation<Primary: Equatable> {
    private struct Answer {
        let primary: Primary
        let askedAt: MonotonicTime
    }

    private let majority: Int

    /// The newest answer of each sentinel; `nil` if it names no primary.
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
    ///   - primary: The one that it names; `nil` if it names none by an IP address.
    ///   - askedAt: When the question was sent.
    ///   - now: When the answer came.
    mutating func answered(
        _ sentinel: Int,
        _ primary: Primary?,
        askedAt: MonotonicTime,
        at now: MonotonicTime
    ) {
        var askedAt = askedAt
        #if CANARIES
            if countsFromArrival { askedAt = now }
        #endif
        answers[sentinel] = primary.map { Answer(primary: $0, askedAt: askedAt) }
    }

    /// Discards the answer of a witness.
    mutating func discard(_ sentinel: Int) { answers[sentinel] = nil }

    /// Up to when this is known to be the primary; `nil` if no majority names it.
    func attestedAt(_ primary: Primary) -> MonotonicTime? {
        let moments = answers.compactMap { $0?.primary == primary ? $0?.askedAt : nil }
        guard moments.count >= needed else { return nil }
        return moments.sorted(by: >)[needed - 1]
    }

    /// The one that a majority names.
    var primary: Primary? {
        answers.lazy.compactMap { $0?.primary }.first { count(naming: $0) >= majority }
    }

    /// How many sentinels name this one.
    func count(naming primary: Primary) -> Int { answers.count { $0?.primary == primary } }

    private var needed: Int {
        #if CANARIES
            if oneSuffices { return 1 }
        #endif
        return majority
    }
}
