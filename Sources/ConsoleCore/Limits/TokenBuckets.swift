import RedisClient

/// Limits how often each of many names may do something: a bucket of tokens for each, refilled over time.
struct TokenBuckets: Sendable {
    private struct Bucket {
        var tokens: Double
        var filledAt: MonotonicTime
    }

    /// Most names that are remembered. Full buckets need not be.
    private static let countMax = 10_000

    private let capacity: Double
    private let millisecondsPerToken: Double
    private var buckets: [String: Bucket] = [:]

    /// - Parameters:
    ///   - count: How often a name may do it within the time, and at once.
    ///   - milliseconds: The time.
    init(_ count: Int, inMilliseconds milliseconds: UInt64) {
        capacity = Double(count)
        millisecondsPerToken = Double(milliseconds) / Double(count)
    }

    /// Takes a token.
    ///
    /// - Returns: `nil` if there was one, and otherwise in how many seconds there will be.
    mutating func take(_ name: String, at now: MonotonicTime) -> Int? {
        if buckets.count >= Self.countMax { forget(at: now) }
        var bucket = filled(name, at: now)
        guard bucket.tokens >= 1 else {
            let milliseconds = (1 - bucket.tokens) * millisecondsPerToken
            return max(1, Int((milliseconds / 1000).rounded(.up)))
        }
        bucket.tokens -= 1
        buckets[name] = bucket
        return nil
    }

    private func filled(_ name: String, at now: MonotonicTime) -> Bucket {
        guard let bucket = buckets[name] else { return Bucket(tokens: capacity, filledAt: now) }
        let elapsed =
            Double(now.nanoseconds - min(now.nanoseconds, bucket.filledAt.nanoseconds)) / 1_000_000
        return Bucket(
            tokens: min(capacity, bucket.tokens + elapsed / millisecondsPerToken),
            filledAt: now
        )
    }

    /// Forgets full buckets; all of them if none is full.
    private mutating func forget(at now: MonotonicTime) {
        buckets = buckets.filter { filled($0.key, at: now).tokens < capacity }
        if buckets.count >= Self.countMax { buckets = [:] }
    }
}
