import Keyring
import RedisClient

/// The time of an event, by both clocks that decisions need.
public struct ClockReading: Sendable {
    /// For deadlines: does not stop while the machine sleeps, and is never set.
    public let monotonic: MonotonicTime
    /// For expiry and last use.
    public let unix: UnixTime

    /// One moment on both clocks.
    public init(monotonic: MonotonicTime, unix: UnixTime) {
        self.monotonic = monotonic
        self.unix = unix
    }
}
