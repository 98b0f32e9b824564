/// Names one barrier: the message that follows a change and reaches each worker behind the change's
/// invalidations. A worker that acknowledges it has dropped what it cached before the change.
///
/// Publish it only after the reply to the change has arrived. Sent together with the change, it would
/// overtake the invalidations.
public struct BarrierID: Hashable, BroadcastMessage {
    static let length = 32
    private static let timeLength = 12
    private static let timeMask: UInt64 = 0xFFFF_FFFF_FFFF

    /// An age beyond this means that one of the two clocks is wrong.
    private static let ageMillisecondsMax: UInt64 = 3_600_000

    /// 32 hexadecimal digits: 48 bits of milliseconds since 1970 UTC, as in a UUID of version 7
    /// (RFC 9562), and 80 random ones.
    public let description: String

    /// A new ID, random in its last 80 bits.
    public init(at time: UnixTime, using generator: inout some RandomNumberGenerator) {
        let milliseconds = UInt64(bitPattern: time.milliseconds) & Self.timeMask
        let first = milliseconds << 16 | (generator.next() as UInt64) >> 48
        description = [first, generator.next()].map { Member.ID($0).description }.joined()
    }

    /// Parses a message of the channel; `nil` if it is not a barrier ID.
    public init?(_ text: some Collection<UInt8>) {
        guard text.count == Self.length, text.allSatisfy(Self.isDigit) else { return nil }
        description = String(decoding: text, as: UTF8.self)
    }

    /// Milliseconds since the ID was made, by the clock of this host; 0 if the other clock is ahead, and
    /// `nil` if the clocks differ by an hour or more.
    public func ageMilliseconds(at now: UnixTime) -> UInt64? {
        let time = Int64(description.prefix(Self.timeLength), radix: 16) ?? 0
        let (age, overflow) = now.milliseconds.subtractingReportingOverflow(time)
        guard !overflow, age.magnitude < Self.ageMillisecondsMax else { return nil }
        return UInt64(max(0, age))
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }
}
