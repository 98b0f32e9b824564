import Keyring
import RedisClient

/// A store that is retried until it answers, time is up, or the caller ends the wait.
struct RetryingStore {
    /// Pause before a lost connection is replaced.
    private static let pauseMilliseconds: UInt64 = 50

    private(set) var channel: any StoreChannel
    let clock: any BlockingClock

    /// When the wait began.
    let start: MonotonicTime

    /// When it ends at the latest.
    let deadline: MonotonicTime

    private let onProgress: (BarrierProgress) -> Bool

    /// - Parameters:
    ///   - start: When the wait began.
    ///   - milliseconds: How long it takes at most.
    ///   - onProgress: Called with the progress; returns `false` to end the wait.
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

    /// The same for one place.
    func at(_ place: Place) -> RetryingStore {
        var other = self
        other.channel = channel.at(place)
        return other
    }

    /// Sends commands that may be repeated.
    ///
    /// - Throws: The last fault, once time is up or the caller has ended the wait.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        try retrying(try channel.execute(commands), recover: reconnect)
    }

    /// Sends commands about several places that may be repeated.
    ///
    /// - Throws: The last fault, once time is up or the caller has ended the wait.
    func execute(_ parts: [PlacedCommands]) throws(StoreConnection.Fault) -> [[RedisReply]] {
        try retrying(try channel.execute(parts), recover: reconnect)
    }

    /// The primary, as the witnesses name it now.
    ///
    /// - Parameter unanimously: As in ``ReplicatedStore/findPrimary(unanimously:)``.
    /// - Throws: Why that is uncertain, once time is up or the caller has ended the wait.
    func findPrimary(_ replicated: any ReplicatedStore, unanimously: Bool = false)
        throws(ConfirmationResult.Uncertainty) -> NamedPrimary
    {
        do throws(StoreConnection.Fault) {
            return try retrying(
                try replicated.findPrimary(unanimously: unanimously),
                recover: pause
            )
        } catch {
            throw .primaryUnknown(error.text)
        }
    }

    /// Evaluates an expression again after each fault.
    ///
    /// - Parameter recover: What is done first, but not beyond the given moment.
    /// - Throws: The last fault, once time is up or the caller has ended the wait.
    private func retrying<Result>(
        _ expression: @autoclosure () throws(StoreConnection.Fault) -> Result,
        recover: (MonotonicTime) -> Void
    ) throws(StoreConnection.Fault) -> Result {
        while true {
            do throws(StoreConnection.Fault) {
                return try expression()
            } catch {
                guard clock.monotonic < deadline, shouldContinue() else { throw error }
                recover(deadline)
            }
        }
    }

    /// Gives the connection up and pauses, but not beyond `end`.
    func reconnect(before end: MonotonicTime) {
        channel.renew()
        pause(before: end)
    }

    /// Pauses, but not beyond `end`.
    func pause(before end: MonotonicTime) {
        clock.sleep(
            until: min(end, clock.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds))
        )
    }

    /// Reports the progress. Returns whether to continue.
    ///
    /// - Parameters:
    ///   - pending: Workers that are waited for; none if only the store is.
    ///   - workers: Number of all workers; `nil` while the store has not reported it.
    ///   - end: When the wait ends if nothing arrives.
    ///   - missing: Number of servers that do not hold the change yet.
    func shouldContinue(
        pending: [Member] = [],
        of workers: Int? = nil,
        until end: MonotonicTime = .never,
        missingServers missing: Int = 0
    ) -> Bool {
        let now = clock.monotonic
        return onProgress(
            BarrierProgress(
                pending: pending,
                isFleetKnown: workers != nil,
                workers: workers ?? 0,
                missingServers: missing,
                elapsedMilliseconds: start.milliseconds(until: now),
                remainingMilliseconds: now.milliseconds(until: min(end, deadline))
            )
        )
    }
}
