/// A moment in time, in milliseconds since 1970 UTC.
public struct UnixTime: Comparable, Hashable, Sendable {
    /// The end of the year 9999. A later time is considered corrupt.
    private static let millisecondsMax: Int64 = 253_402_300_799_999

    /// Milliseconds since 1970 UTC.
    public let milliseconds: Int64

    /// A moment the given number of milliseconds after 1970 UTC.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Parses a stored moment: decimal digits without a sign, up to the year 9999; `nil` for anything
    /// else.
    public init?(decimal text: some Collection<UInt8>) {
        guard let number = DecimalNumber.value(of: text), number <= UInt64(Self.millisecondsMax)
        else { return nil }
        milliseconds = Int64(number)
    }

    /// The moment in the form in which it is stored.
    public var decimal: [UInt8] { Array(String(milliseconds).utf8) }

    /// The moment that many milliseconds later, but at most the end of the year 9999.
    public func advanced(byMilliseconds span: UInt64) -> UnixTime {
        let room = UInt64(max(0, Self.millisecondsMax - milliseconds))
        return UnixTime(milliseconds: milliseconds + Int64(min(span, room)))
    }

    /// Earlier moments come first.
    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}
