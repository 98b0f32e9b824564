import Glibc
import Keyring
import RedisClient

/// The machine's clocks.
public enum SystemClock {
    /// Milliseconds since 1970 UTC, as the machine's clock has them.
    public static func unixTime() -> UnixTime {
        let time = read(CLOCK_REALTIME)
        return UnixTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    static func monotonicTime() -> MonotonicTime {
        let time = read(CLOCK_BOOTTIME)
        return MonotonicTime(
            nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        )
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }
}
