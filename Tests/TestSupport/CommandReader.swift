/// Reads commands as Redis does: arrays of bulk strings, in pieces of any size.
public struct CommandReader {
    /// The bytes are not commands in the Redis protocol.
    public struct Malformed: Error {}

    private var bytes: [UInt8] = []
    private var start = 0

    /// A reader at the beginning of a connection.
    public init() {}

    /// All commands in a text; `nil` if it holds anything else, or ends within a command.
    public static func commands(in bytes: [UInt8]) -> [[String]]? {
        var reader = CommandReader()
        reader.feed(bytes)
        var commands: [[String]] = []
        do throws(Malformed) {
            while let command = try reader.next() { commands.append(command) }
        } catch {
            return nil
        }
        return reader.start == bytes.count ? commands : nil
    }

    /// Adds bytes of the connection.
    public mutating func feed(_ more: [UInt8]) {
        bytes.removeFirst(start)
        start = 0
        bytes += more
    }

    /// The next whole command, or `nil` until more bytes have come.
    public mutating func next() throws(Malformed) -> [String]? {
        var position = start
        guard let count = try length(after: "*", &position) else { return nil }
        var words: [String] = []
        words.reserveCapacity(count)
        for _ in 0..<count {
            guard let length = try length(after: "$", &position),
                position + length + 2 <= bytes.count
            else { return nil }
            words.append(String(decoding: bytes[position..<position + length], as: UTF8.self))
            position += length
            guard bytes[position] == UInt8(ascii: "\r"), bytes[position + 1] == UInt8(ascii: "\n")
            else { throw Malformed() }
            position += 2
        }
        start = position
        return words
    }

    private func length(after sign: Unicode.Scalar, _ position: inout Int) throws(Malformed) -> Int?
    {
        guard position < bytes.count else { return nil }
        guard bytes[position] == UInt8(ascii: sign) else { throw Malformed() }
        var number = 0
        var index = position + 1
        while index + 1 < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "\r") where bytes[index + 1] == UInt8(ascii: "\n"):
                position = index + 2
                return number
            case UInt8(ascii: "0")...UInt8(ascii: "9") where number < 1 << 30:
                number = 10 * number + Int(bytes[index] - UInt8(ascii: "0"))
            default: throw Malformed()
            }
            index += 1
        }
        return nil
    }
}
