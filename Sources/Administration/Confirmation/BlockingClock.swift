import Keyring
import RedisClient

/// Clocks, and waiting by them. The machine's are ``SystemClock``; a simulation has its own.
protocol BlockingClock {
    /// For spans and deadlines: never goes back.
    var monotonic: MonotonicTime { get }

    /// For what is stored and shown.
    var unix: UnixTime { get }

    /// Waits until a moment; a signal may end it sooner.
    func sleep(until moment: MonotonicTime)
}

extension MonotonicTime {
    /// Milliseconds from here to a later moment, rounded up; 0 where it is not later, and without
    /// end where it never comes.
    func milliseconds(until later: MonotonicTime) -> UInt64 {
        guard later != .never else { return .max }
        guard self < later else { return 0 }
        return (later.nanoseconds - nanoseconds - 1) / 1_000_000 + 1
    }
}
