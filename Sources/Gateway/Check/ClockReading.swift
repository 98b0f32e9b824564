import Keyring
import RedisClient

/// One moment on the two clocks that decisions need.
public struct ClockReading: Sendable {
    /// For leases and deadlines: runs on while the machine sleeps, and is never set.
    public let monotonic: MonotonicTime
    /// For expiry and last use: milliseconds since 1970 UTC.
    public let unix: UnixTime

    /// Combines both readings.
    public init(monotonic: MonotonicTime, unix: UnixTime) {
        self.monotonic = monotonic
        self.unix = unix
    }
}
