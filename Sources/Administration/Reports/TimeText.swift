import Glibc
import Keyring

/// Formats times for people and programs.
public enum TimeText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1000),
    ]

    /// When the key last authenticated a request.
    public static func lastUse(_ status: KeyStatus, now: UnixTime) -> String {
        lastUse(status.lastUse, now: now)
            + (status.lastUseMayBePrevious ? ", with this key or the previous one" : "")
            + delay(status.lastUseDelay)
    }

    private static func delay(_ delay: KeyStatus.LastUseDelay) -> String {
        switch delay {
        case .none: ""
        case .milliseconds(let behind):
            " (uses of the last \(behind / 1000) seconds may be missing)"
        case .unknown: " (not all nginx workers have answered)"
        }
    }

    /// `3 minutes ago`, `Never`, or that it is unknown.
    public static func lastUse(_ use: KeyStatus.LastUse, now: UnixTime = SystemClock.unixTime())
        -> String
    {
        switch use {
        case .never: "Never"
        case .at(let time): ago(time, now: now)
        case .unknown: "Unknown: the store did not report it"
        }
    }

    /// `3 minutes ago` or `just now`.
    public static func ago(_ time: UnixTime, now: UnixTime) -> String {
        span(now.milliseconds - time.milliseconds).map { "\($0) ago" } ?? "just now"
    }

    /// `9 minutes`: the time until a moment.
    public static func until(_ time: UnixTime, now: UnixTime) -> String {
        span(time.milliseconds - now.milliseconds) ?? "a moment"
    }

    /// `in 3 days`, or `3 days ago: requests with it are refused`.
    public static func expiry(_ time: UnixTime, now: UnixTime) -> String {
        guard time <= now else {
            return span(time.milliseconds - now.milliseconds).map { "in \($0)" } ?? "now"
        }
        return "\(ago(time, now: now)): requests with it are refused"
    }

    /// `2026-11-24T14:02:11.204Z` (RFC 3339).
    public static func rfc3339(_ time: UnixTime) -> String {
        var seconds = time_t(time.milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let date = [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday]
        return
            "\(padded(date[0], 4))-\(padded(date[1], 2))-\(padded(date[2], 2))T\(timeOfDay(time))Z"
    }

    /// `2026-11-24 14:02:11 UTC`
    public static func moment(_ time: UnixTime) -> String {
        let text = rfc3339(time)
        return "\(text.prefix(10)) \(text.dropFirst(11).prefix(8)) UTC"
    }

    /// `14:02:11.204`, in UTC.
    public static func timeOfDay(_ time: UnixTime) -> String {
        let seconds = time.milliseconds / 1000
        let parts = [seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map { padded($0, 2) }
        return "\(parts[0]):\(parts[1]):\(parts[2]).\(padded(time.milliseconds % 1000, 3))"
    }

    /// `1s`, `500ms`, `1h30m`: in nginx's syntax.
    public static func span(milliseconds: UInt64) -> String {
        var rest = milliseconds
        var text = ""
        for (name, unit) in nginxUnits where rest >= unit {
            text += "\(rest / unit)\(name)"
            rest %= unit
        }
        return text.isEmpty ? "0s" : text
    }

    private static let nginxUnits: [(String, UInt64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    private static func span(_ milliseconds: Int64) -> String? {
        guard let unit = units.first(where: { $0.milliseconds <= milliseconds }) else { return nil }
        let count = milliseconds / unit.milliseconds
        return Counted(count, unit.name).description
    }

    private static func padded(_ number: some BinaryInteger, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
