/// A moment in milliseconds since 1970 UTC.
public struct UnixTime: Comparable, Hashable, Sendable {
    /// The end of the year 9999. Later times are taken for damage.
    private static let millisecondsMax: Int64 = 253_402_300_799_999

    /// Milliseconds since 1970 UTC.
    public let milliseconds: Int64

    /// A moment so many milliseconds after 1970 UTC.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// A moment as it is stored: decimal digits, no sign, up to the year 9999. `nil` for anything
    /// else.
    public init?(decimal text: some Collection<UInt8>) {
        guard let number = DecimalNumber.value(of: text), number <= UInt64(Self.millisecondsMax)
        else { return nil }
        milliseconds = Int64(number)
    }

    /// The moment as it is stored.
    public var decimal: [UInt8] { Array(String(milliseconds).utf8) }

    /// The moment a number of milliseconds later, at most the end of the year 9999.
    public func advanced(byMilliseconds span: UInt64) -> UnixTime {
        let room = UInt64(max(0, Self.millisecondsMax - milliseconds))
        return UnixTime(milliseconds: milliseconds + Int64(min(span, room)))
    }

    /// The earlier moment comes first.
    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}
