import Keyring
import RedisClient

@testable import Administration

/// A clock that runs much too fast: an administrator that waits by it waits far too briefly.
struct HastyClock: BlockingClock {
    private static let haste: UInt64 = 20

    let clock: MachineClock
    let timeline: Timeline

    var bootID: String { clock.bootID }

    var monotonic: MonotonicTime {
        guard !timeline.isOver else { return .never }
        let actual = clock.reading(at: timeline.now).monotonic
        return MonotonicTime(nanoseconds: actual.nanoseconds * Self.haste)
    }

    var unix: UnixTime { clock.reading(at: timeline.now).unix }

    func sleep(until moment: MonotonicTime) {
        let actual = MonotonicTime(nanoseconds: moment.nanoseconds / Self.haste)
        timeline.run(until: clock.time(of: actual))
    }
}
