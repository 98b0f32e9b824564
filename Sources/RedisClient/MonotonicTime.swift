/// A moment on a clock that never goes back, in nanoseconds since an origin of the caller's.
///
/// No code below the callers reads a clock: moments come in with events.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    /// Later than every moment that occurs.
    public static var never: MonotonicTime { MonotonicTime(nanoseconds: .max) }

    /// The clock's origin: no event that occurs is earlier.
    public static var origin: MonotonicTime { MonotonicTime(nanoseconds: 0) }

    /// Nanoseconds since the origin.
    public var nanoseconds: UInt64

    /// A moment so many nanoseconds after the origin.
    public init(nanoseconds: UInt64) {
        self.nanoseconds = nanoseconds
    }

    /// The moment a number of milliseconds later; ``never`` where that cannot be expressed.
    public func advanced(byMilliseconds milliseconds: UInt64) -> MonotonicTime {
        let (product, tooLong) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, tooLate) = nanoseconds.addingReportingOverflow(product)
        return tooLong || tooLate ? .never : MonotonicTime(nanoseconds: sum)
    }

    /// The earlier moment comes first.
    public static func < (left: MonotonicTime, right: MonotonicTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }
}
