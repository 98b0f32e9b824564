import RedisClient

/// Limits what one owner can make the store and the gateways do.
public struct ConsoleLimits: Sendable {
    /// Questions to all gateways that a principal may cause in a minute.
    private static let inquiriesPerMinute = 60

    private var changes: TokenBuckets
    private var inquiries = TokenBuckets(inquiriesPerMinute, inMilliseconds: 60_000)

    /// - Parameter changesPerHour: How many changes an owner may make to one organization.
    public init(changesPerHour: Int) {
        changes = TokenBuckets(changesPerHour, inMilliseconds: 3_600_000)
    }

    /// Counts a change.
    ///
    /// - Returns: `nil` if it may be made, and otherwise in how many seconds it may.
    public mutating func delay(of job: Job, at now: MonotonicTime) -> Int? {
        job.changeLimitName.flatMap { changes.take($0, at: now) }
    }

    /// Counts a question to all gateways. Returns whether it may be asked: if not, the store's answer must do.
    public mutating func mayAskGateways(_ job: Job, at now: MonotonicTime) -> Bool {
        job.inquiryLimitName.map { inquiries.take($0, at: now) == nil } ?? true
    }
}
