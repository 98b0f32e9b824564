/// Exponential backoff between connection attempts: none, then 50 ms, doubled up to 800 ms.
struct Backoff {
    private static let firstPauseMilliseconds: UInt64 = 50
    private static let doublingsMax: UInt64 = 4

    private var failures: UInt64 = 0

    mutating func nextPauseMilliseconds() -> UInt64 {
        defer { failures += 1 }
        return failures == 0
            ? 0 : Self.firstPauseMilliseconds << min(failures - 1, Self.doublingsMax)
    }

    /// A command was answered.
    mutating func reset() {
        failures = 0
    }

    /// A connection that lasted longer than the longest pause counts as a success, even if it was
    /// idle.
    mutating func connectionEnded(readySince start: MonotonicTime, _ now: MonotonicTime) {
        let pauseMax = Self.firstPauseMilliseconds << Self.doublingsMax
        if start.advanced(byMilliseconds: pauseMax) < now { reset() }
    }
}
