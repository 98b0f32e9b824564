import Keyring
import RedisClient

/// Clocks that can be waited on. ``SystemClock`` has the host's; tests simulate others.
protocol BlockingClock {
    /// For spans and deadlines: never runs backwards.
    var monotonic: MonotonicTime { get }

    /// Distinguishes the monotonic clock from those of other machines, and of this one before it was started:
    /// letters, digits and hyphens.
    var bootID: String { get }

    /// For times that are stored and shown.
    var unix: UnixTime { get }

    /// Sleeps until a moment, or until a signal arrives.
    func sleep(until moment: MonotonicTime)
}

extension MonotonicTime {
    /// Milliseconds until a later moment, rounded up; 0 if it has passed, and the maximum for `.never`.
    func milliseconds(until later: MonotonicTime) -> UInt64 {
        guard later != .never else { return .max }
        guard self < later else { return 0 }
        return (later.nanoseconds - nanoseconds - 1) / 1_000_000 + 1
    }
}
