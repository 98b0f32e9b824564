import RedisClient

/// How long others wait for a worker that may trust its cache.
public enum TrustSpan {
    /// Two clocks may differ by 1 % in rate, in either direction: a lease gets 2 % and this many
    /// milliseconds more.
    private static let marginMilliseconds: UInt64 = 20

    /// The wait for a lease and grace of that many milliseconds; the maximum if there is no end.
    public static func milliseconds(ofTrust trust: UInt64) -> UInt64 {
        let (span, overflow) = trust.addingReportingOverflow(trust / 50 + marginMilliseconds)
        return overflow ? .max : span
    }
}
