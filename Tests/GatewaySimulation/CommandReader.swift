/// Reads commands as Redis does: arrays of bulk strings, in whatever pieces they come.
struct CommandReader {
    private var bytes: [UInt8] = []
    private var start = 0

    mutating func feed(_ more: [UInt8]) {
        bytes.removeFirst(start)
        start = 0
        bytes += more
    }

    /// The next whole command.
    mutating func next() -> [String]? {
        var position = start
        guard let count = length(after: "*", &position) else { return nil }
        var words: [String] = []
        words.reserveCapacity(count)
        for _ in 0..<count {
            guard let length = length(after: "$", &position), position + length + 2 <= bytes.count
            else { return nil }
            words.append(String(decoding: bytes[position..<position + length], as: UTF8.self))
            position += length + 2
        }
        start = position
        return words
    }

    private func length(after sign: Unicode.Scalar, _ position: inout Int) -> Int? {
        guard position < bytes.count else { return nil }
        precondition(bytes[position] == UInt8(ascii: sign), "the gateway speaks no Redis")
        var number = 0
        var index = position + 1
        while index + 1 < bytes.count {
            if bytes[index] == UInt8(ascii: "\r") {
                position = index + 2
                return number
            }
            number = 10 * number + Int(bytes[index] - UInt8(ascii: "0"))
            index += 1
        }
        return nil
    }
}

/// What the store answers.
enum Reply {
    case status(String)
    case error(String)
    case integer(Int)
    case bulk(String?)
    case array([Reply]?)

    static let ok = Reply.status("OK")

    func append(to output: inout [UInt8]) {
        switch self {
        case .status(let text): output += "+\(text)\r\n".utf8
        case .error(let text): output += "-\(text)\r\n".utf8
        case .integer(let number): output += ":\(number)\r\n".utf8
        case .bulk(nil): output += "$-1\r\n".utf8
        case .bulk(let text?): output += "$\(text.utf8.count)\r\n\(text)\r\n".utf8
        case .array(nil): output += "*-1\r\n".utf8
        case .array(let elements?):
            output += "*\(elements.count)\r\n".utf8
            for element in elements { element.append(to: &output) }
        }
    }
}
