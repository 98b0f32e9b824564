import RedisClient

/// PING with a number, which the answer repeats.
///
/// It is encoded once; each time only the digits are overwritten, in place if the previous command has been
/// released.
struct PingCommand {
    private static let digitCount = 16

    private var command = RedisCommand("PING", .text(String(repeating: "0", count: digitCount)))
    private let start: Int

    init() {
        start = command.arguments[1].startIndex
    }

    /// The command with a number.
    mutating func numbered(_ number: UInt64) -> RedisCommand {
        let digits = Self.digits(of: number)
        withUnsafeBytes(of: digits) { command.overwrite(from: start, with: $0) }
        return command
    }

    /// Whether a reply answers the PING with this number.
    static func isAnswer(_ reply: RedisReply, to number: UInt64) -> Bool {
        guard case .array(let elements) = reply, elements.count == 2,
            case .bulk(let kind) = elements[0], case .bulk(let text) = elements[1],
            kind.spells("pong"), text.count == digitCount
        else { return false }
        var answered: UInt64 = 0
        for byte in text { answered = answered &* 10 &+ UInt64(byte &- UInt8(ascii: "0")) }
        return answered == number
    }

    private static func digits(of number: UInt64) -> InlineArray<16, UInt8> {
        var digits = InlineArray<16, UInt8>(repeating: UInt8(ascii: "0"))
        var rest = number
        var index = digitCount
        while rest > 0, index > 0 {
            index -= 1
            digits[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        return digits
    }
}
