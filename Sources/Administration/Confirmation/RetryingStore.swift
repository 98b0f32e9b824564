import Keyring
import RedisClient

/// The store, asked again and again until it answers, there is no more time, or nobody wants to wait
/// any longer.
struct RetryingStore {
    /// Pause before a new connection is made in place of a lost one.
    private static let pauseMilliseconds: UInt64 = 50

    let channel: any StoreChannel
    let clock: any BlockingClock

    /// From when on it is waited, and until when at most.
    let start: MonotonicTime
    let deadline: MonotonicTime

    private let onProgress: (BarrierProgress) -> Bool

    /// - Parameters:
    ///   - start: From when on it is waited.
    ///   - milliseconds: How long at most.
    ///   - goesOn: Is told how it goes; ends the wait by returning `false`.
    init(
        _ channel: any StoreChannel,
        clock: any BlockingClock,
        from start: MonotonicTime,
        forMilliseconds milliseconds: UInt64,
        onProgress: @escaping (BarrierProgress) -> Bool
    ) {
        self.channel = channel
        self.clock = clock
        self.start = start
        self.onProgress = onProgress
        deadline = start.advanced(byMilliseconds: milliseconds)
    }

    /// Sends commands that may be repeated.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        while true {
            do throws(StoreConnection.Fault) {
                return try channel.execute(commands)
            } catch {
                guard clock.monotonic < deadline, shouldContinue() else { throw error }
                reconnect(before: deadline)
            }
        }
    }

    /// Makes a new connection with the next commands, after a pause that ends at a moment.
    func reconnect(before end: MonotonicTime) {
        channel.renew()
        clock.sleep(
            until: min(end, clock.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds))
        )
    }

    /// Tells how it goes; whether to go on with it.
    ///
    /// - Parameters:
    ///   - pending: Who is waited for, out of so many workers; nobody but the store where none is
    ///     named.
    ///   - end: When the wait is over even if nobody says anything.
    func shouldContinue(
        pending: [Member] = [],
        of workers: Int = 0,
        until end: MonotonicTime = .never
    ) -> Bool {
        let now = clock.monotonic
        return onProgress(
            BarrierProgress(
                pending: pending,
                workers: workers,
                elapsedMilliseconds: start.milliseconds(until: now),
                remainingMilliseconds: now.milliseconds(until: min(end, deadline))
            )
        )
    }
}
