import KeyFormat

/// Names one signal, and the list of its acknowledgements.
///
/// 128 bits: 48 of milliseconds since 1970 UTC, as in a UUID of version 7 (RFC 9562), and 80 random
/// ones. The time is for metrics; nothing is decided by it.
public struct SignalID: Equatable, Sendable {
    static let length = 32
    private static let timeBits: UInt64 = 48

    /// An age beyond this means that one of the two clocks is wrong.
    private static let ageMillisecondsMax: UInt64 = 3_600_000

    private var words: InlineArray<2, UInt64>

    /// A new ID, random in its last 80 bits.
    public init(at time: UnixTime, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(bitPattern: time.milliseconds)
        let random: UInt64 = generator.next()
        let head = milliseconds << (64 - Self.timeBits) | random >> Self.timeBits
        words = [head.bigEndian, generator.next()]
    }

    /// Parses 32 hexadecimal digits; `nil` for anything else.
    init?(_ text: ArraySlice<UInt8>) {
        words = [0, 0]
        guard Hexadecimal.decode(text.span, into: &words) else { return nil }
    }

    /// 32 hexadecimal digits.
    var digits: [UInt8] { Hexadecimal.encode(words) }

    /// Milliseconds since the ID was made, by the clock of this host; 0 if the other clock is ahead, and
    /// `nil` if the clocks differ by an hour or more.
    public func ageMilliseconds(at now: UnixTime) -> UInt64? {
        let time = Int64(words[0].bigEndian >> (64 - Self.timeBits))
        let (age, overflow) = now.milliseconds.subtractingReportingOverflow(time)
        guard !overflow, age.magnitude < Self.ageMillisecondsMax else { return nil }
        return UInt64(max(0, age))
    }

    /// Whether all bits are the same.
    public static func == (left: SignalID, right: SignalID) -> Bool {
        left.words[0] == right.words[0] && left.words[1] == right.words[1]
    }
}
