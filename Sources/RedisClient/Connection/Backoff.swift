/// Exponential backoff with jitter between connection attempts: none, then 50 ms, doubled up to 800 ms, each
/// shortened by up to half. A fleet that has lost its store at once comes back bit by bit.
struct Backoff {
    private static let firstPauseMilliseconds: UInt64 = 50
    private static let doublingsMax: UInt64 = 4

    private var failures: UInt64 = 0

    mutating func nextPauseMilliseconds(_ now: MonotonicTime) -> UInt64 {
        defer { failures += 1 }
        guard failures > 0 else { return 0 }
        let longest = Self.firstPauseMilliseconds << min(failures - 1, Self.doublingsMax)
        return longest - Self.part(of: longest / 2, now)
    }

    /// A part of a span that differs from worker to worker: as much as has passed of the clock's millisecond.
    private static func part(of milliseconds: UInt64, _ now: MonotonicTime) -> UInt64 {
        let nanoseconds = now.nanoseconds % nanosecondsPerMillisecond
        return milliseconds * nanoseconds / nanosecondsPerMillisecond
    }

    private static let nanosecondsPerMillisecond: UInt64 = 1_000_000

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
