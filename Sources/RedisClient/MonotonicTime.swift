/// A moment on a monotonic clock, in nanoseconds since an origin that the caller chooses.
///
/// No module below the drivers reads a clock: every event carries the time at which it happened.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Later than any moment that occurs.
    public static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    /// The clock's origin, and the earliest moment.
    public static var origin: MonotonicTime { MonotonicTime(nanoseconds: 0) }

    /// Nanoseconds since the origin.
    public var nanoseconds: UInt64

    /// A moment the given number of nanoseconds after the origin.
    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The moment that many milliseconds later; ``never`` on overflow.
    public func advanced(byMilliseconds milliseconds: UInt64) -> MonotonicTime {
        let (product, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, tooLate) = nanoseconds.addingReportingOverflow(product)
        return tooLong || tooLate ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// Earlier moments come first.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
