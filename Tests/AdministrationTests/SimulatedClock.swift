import Keyring
import RedisClient

@testable import Administration

/// A clock that advances only while it is waited on.
final class SimulatedClock: BlockingClock {
    private static let unixOrigin: Int64 = 1_790_000_000_000

    /// Another machine has another.
    var bootID = "boot-1"

    private(set) var elapsedMilliseconds: UInt64 = 0

    /// Actions at moments in milliseconds, each run once.
    private var events: [(at: UInt64, action: () -> Void)] = []

    var monotonic: MonotonicTime {
        MonotonicTime(nanoseconds: 1_000_000).advanced(byMilliseconds: elapsedMilliseconds)
    }

    var unix: UnixTime {
        UnixTime(milliseconds: Self.unixOrigin).advanced(byMilliseconds: elapsedMilliseconds)
    }

    func sleep(until moment: MonotonicTime) {
        advance(byMilliseconds: monotonic.milliseconds(until: moment))
    }

    func advance(byMilliseconds span: UInt64) {
        for _ in 0..<span {
            elapsedMilliseconds += 1
            for event in events where event.at == elapsedMilliseconds { event.action() }
        }
    }

    func at(_ milliseconds: UInt64, _ action: @escaping () -> Void) {
        events.append((milliseconds, action))
    }
}
