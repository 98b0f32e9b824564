import Glibc
import Keyring
import RedisClient

/// The host's clocks.
public struct SystemClock: BlockingClock {
    /// Longest single sleep in seconds. Callers check the clock again after each.
    private static let sleepMax: UInt64 = 3600

    /// The time in milliseconds since 1970 UTC.
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

    static func sleep(until moment: MonotonicTime) {
        let now = monotonicTime()
        guard now < moment else { return }
        let span = min(moment.nanoseconds - now.nanoseconds, sleepMax * 1_000_000_000)
        var time = timespec()
        time.tv_sec = time_t(span / 1_000_000_000)
        time.tv_nsec = Int(span % 1_000_000_000)
        nanosleep(&time, nil)
    }

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        clock_gettime(clock, &time)
        return time
    }

    /// Random where the system does not report one: then this machine has no notes.
    private static let bootID: String = {
        let text = try? InputFile.read("/proc/sys/kernel/random/boot_id")
        let id = text.map { String(decoding: $0.prefix { $0 != 0x0A }, as: UTF8.self) }
        return id ?? String(UInt64.random(in: .min ... .max), radix: 16)
    }()

    var bootID: String { Self.bootID }
    var monotonic: MonotonicTime { Self.monotonicTime() }
    var unix: UnixTime { Self.unixTime() }
    func sleep(until moment: MonotonicTime) { Self.sleep(until: moment) }
}
