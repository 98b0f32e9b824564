import RedisClient

/// The list of workers as releases before 0.3 kept it. Its members confirm no change of today, so nobody may
/// change keys while they check some.
public enum FormerMembership {
    private static let members = "latchkey:gateways"
    private static let silent = "latchkey:gateways:silent"

    /// Reads the entries, and the time by Redis' clock.
    public static let read = [RedisCommand("HVALS", .text(members)), RedisCommand("TIME")]

    /// Removes the list.
    public static let remove = RedisCommand("DEL", .text(members), .text(silent))

    /// Number of workers that have written their entry within the last minute or the longest lease that one of
    /// them names, and so may still check keys; `nil` if there is no list.
    ///
    /// - Throws: The error, if Redis refused to read the list.
    public static func livingCount(_ replies: [RedisReply]) throws(RedisError) -> Int? {
        if let failure = replies.firstFailure { throw failure }
        guard replies.count == 2, case .array(let entries) = replies[0],
            case .array(let clock) = replies[1], case .bulk(let digits)? = clock.first,
            let seconds = DecimalNumber.value(of: digits)
        else { throw RedisError("ERR unexpected reply to HVALS or TIME") }
        guard !entries.isEmpty else { return nil }
        let times = entries.map { entry in
            if case .bulk(let text) = entry { Self.times(text) } else { Times() }
        }
        let span = times.map(\.lease).max().map { max($0, shortestSpan) } ?? shortestSpan
        let (now, isHuge) = seconds.multipliedReportingOverflow(by: 1000)
        guard !isHuge else { return entries.count }
        return times.count { $0.heartbeat >= now || now - $0.heartbeat <= span }
    }

    private static let shortestSpan: UInt64 = 60_000

    /// When a worker wrote its entry, and for how long it trusts what it knew then, in milliseconds.
    private struct Times {
        var heartbeat: UInt64 = 0
        var lease: UInt64 = 0
    }

    private static func times(_ entry: ArraySlice<UInt8>) -> Times {
        var times = Times()
        for word in entry.split(separator: UInt8(ascii: " ")) {
            guard let equals = word.firstIndex(of: UInt8(ascii: "=")),
                let value = DecimalNumber.value(of: word[equals...].dropFirst())
            else { continue }
            switch String(decoding: word[..<equals], as: UTF8.self) {
            case "heartbeat": times.heartbeat = value
            case "lease", "grace": times.lease = max(times.lease, value)
            default: break
            }
        }
        return times
    }
}
