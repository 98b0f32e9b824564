/// Pauses between attempts to connect: none, 50 ms, then twice as long each time, 800 ms at most.
struct Backoff {
    private static let firstPauseMilliseconds: UInt64 = 50
    private static let doublingsMax: UInt64 = 4

    private var failures: UInt64 = 0

    mutating func nextPauseMilliseconds() -> UInt64 {
        defer { failures += 1 }
        return failures == 0
            ? 0 : Self.firstPauseMilliseconds << min(failures - 1, Self.doublingsMax)
    }

    /// A connection has been of use.
    mutating func reset() {
        failures = 0
    }

    /// A connection that held for longer than the longest pause was no failure, even if it was
    /// idle.
    mutating func connectionEnded(readySince start: MonotonicTime, _ now: MonotonicTime) {
        let pauseMax = Self.firstPauseMilliseconds << Self.doublingsMax
        if start.advanced(byMilliseconds: pauseMax) < now { reset() }
    }
}
