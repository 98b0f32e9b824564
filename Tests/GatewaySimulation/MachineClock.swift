import Gateway
import Keyring
import RedisClient

/// The clocks of one machine: its monotonic clock runs a little too fast or too slow, its Unix time
/// is a little off.
struct MachineClock {
    private static let unixStart: Int64 = 1_790_000_000_000

    /// Half a percent either way: the rates of two clocks differ by at most one percent.
    private static let driftMax: Int64 = 5000

    /// Parts in a million by which the clock is too fast.
    private let drift: Int64
    private let start: UInt64
    private let unixSkew: Int64

    /// Names the machine's monotonic clock.
    let bootID: String

    init(_ chance: inout Chance) {
        drift = chance.number(-Self.driftMax...Self.driftMax)
        start = chance.number(1_000_000_000...1_000_000_000_000)
        unixSkew = chance.number(-20...20)
        bootID = String(chance.next(), radix: 16)
    }

    func reading(at time: Nanoseconds) -> ClockReading {
        let skewed = Int64(time) + Int64(time) / 1000 * drift / 1000
        return ClockReading(
            monotonic: MonotonicTime(nanoseconds: start + UInt64(skewed)),
            unix: UnixTime(milliseconds: Self.unixStart + Int64(time / 1_000_000) + unixSkew)
        )
    }

    /// The exact time.
    static func unixMicroseconds(at time: Nanoseconds) -> UInt64 {
        UInt64(unixStart) * 1000 + time / 1000
    }

    /// The world's time at which the monotonic clock reaches a reading.
    func time(of moment: MonotonicTime) -> Nanoseconds {
        guard moment != .never else { return .max }
        guard moment.nanoseconds > start else { return 0 }
        return span(moment.nanoseconds - start) + 2000
    }

    /// How long a span of the monotonic clock takes.
    func span(_ nanoseconds: UInt64) -> Nanoseconds {
        UInt64(Double(nanoseconds) * 1_000_000 / Double(1_000_000 + drift)) + 1
    }
}
