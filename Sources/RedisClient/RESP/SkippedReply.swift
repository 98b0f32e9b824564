import CHiredis

/// The rest of a reply that is too long: finds its end and keeps none of it.
///
/// Elements follow one another whatever array they belong to, so that their number alone tells how many
/// are missing. Texts and integers may contain anything; lengths and types must be valid.
struct SkippedReply {
    private enum Position {
        case type
        case line(isEnding: Bool)
        case length(AnnouncedLength, isArray: Bool)
        /// Bytes of a bulk string, its line end included.
        case bulk(rest: Int)
    }

    private var position: Position

    /// Elements whose end has not arrived, the current one included.
    private var missing: Int

    /// - Parameters:
    ///   - elements: How many elements are missing.
    ///   - type: hiredis' type of the first of them, or a negative number if that has not arrived.
    init(elements: Int, type: Int32) {
        missing = elements
        switch type {
        case REDIS_REPLY_STRING: position = .length(AnnouncedLength(), isArray: false)
        case REDIS_REPLY_ARRAY: position = .length(AnnouncedLength(), isArray: true)
        case 0...: position = .line(isEnding: false)
        default: position = .type
        }
    }

    /// Whether the end of the reply was found.
    var isOver: Bool { missing == 0 }

    /// Skips bytes up to the end of the reply; returns their number.
    mutating func skip(_ bytes: UnsafeRawBufferPointer) throws(RESPDecoder.Failure) -> Int {
        var count = 0
        while count < bytes.count, !isOver {
            guard case .bulk(let rest) = position else {
                try skip(bytes[count])
                count += 1
                continue
            }
            let length = min(rest, bytes.count - count)
            count += length
            position = .bulk(rest: rest - length)
            if length == rest { endElement() }
        }
        return count
    }

    private mutating func skip(_ byte: UInt8) throws(RESPDecoder.Failure) {
        switch position {
        case .type: position = try Self.position(afterType: byte)
        case .line(let isEnding):
            position = .line(isEnding: byte == UInt8(ascii: "\r"))
            if isEnding, byte == UInt8(ascii: "\n") { endElement() }
        case .length(var length, let isArray):
            try length.read(byte)
            position = .length(length, isArray: isArray)
            if length.isWhole { try begin(length.value, isArray: isArray) }
        case .bulk: break
        }
    }

    private static func position(afterType byte: UInt8) throws(RESPDecoder.Failure) -> Position {
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: ":"): .line(isEnding: false)
        case UInt8(ascii: "$"): .length(AnnouncedLength(), isArray: false)
        case UInt8(ascii: "*"): .length(AnnouncedLength(), isArray: true)
        default: throw .malformed
        }
    }

    /// Begins the contents of a bulk string or array of a length; `nil` is the null.
    private mutating func begin(_ length: Int?, isArray: Bool) throws(RESPDecoder.Failure) {
        guard let length else { return endElement() }
        if isArray {
            let (sum, overflow) = missing.addingReportingOverflow(length)
            guard length <= Int32.max, !overflow else { throw .malformed }
            missing = sum
            endElement()
        } else {
            position = .bulk(rest: min(length, .max - 2) + 2)
        }
    }

    private mutating func endElement() {
        missing -= 1
        position = .type
    }
}

/// The length of a bulk string or an array, byte by byte: digits without leading zeros, or -1.
private struct AnnouncedLength {
    private var digits = 0
    private var number = 0
    private var isNegative = false
    private var isEnding = false

    /// Whether the line end has arrived.
    private(set) var isWhole = false

    /// `nil` is the length of the null.
    var value: Int? { isNegative ? nil : number }

    mutating func read(_ byte: UInt8) throws(RESPDecoder.Failure) {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): try append(Int(byte - UInt8(ascii: "0")))
        case UInt8(ascii: "-") where digits == 0 && !isNegative && !isEnding: isNegative = true
        case UInt8(ascii: "\r") where digits > 0 && !isEnding:
            guard !isNegative || number == 1 else { throw .malformed }
            isEnding = true
        case UInt8(ascii: "\n") where isEnding: isWhole = true
        default: throw .malformed
        }
    }

    private mutating func append(_ digit: Int) throws(RESPDecoder.Failure) {
        let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
        let (sum, overflow) = tens.addingReportingOverflow(digit)
        guard !isEnding, digits == 0 || number > 0, !isTooLarge, !overflow else { throw .malformed }
        digits += 1
        number = sum
    }
}
