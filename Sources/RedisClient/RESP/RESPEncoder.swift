/// Encodes commands in the Redis protocol: arrays of bulk strings.
public enum RESPEncoder {
    /// Upper bound of the bytes around the payload of a bulk string, or before the elements of an
    /// array.
    static let overhead = 24

    /// Appends an encoded command to a buffer.
    public static func append(_ command: RedisCommand, to output: inout [UInt8]) {
        appendHeader("*", command.count, to: &output)
        output.append(contentsOf: command.bulkStrings)
    }

    @inlinable
    static func appendBulkString(_ text: some Collection<UInt8>, to output: inout [UInt8]) {
        appendHeader("$", text.count, to: &output)
        output.append(contentsOf: text)
        appendLineEnd(to: &output)
    }

    @usableFromInline
    static func appendHeader(
        _ kind: Unicode.Scalar,
        _ number: Int,
        to output: inout [UInt8]
    ) {
        output.append(UInt8(ascii: kind))
        if number < 100 {
            if number >= 10 { output.append(UInt8(ascii: "0") + UInt8(number / 10)) }
            output.append(UInt8(ascii: "0") + UInt8(number % 10))
        } else {
            output.append(contentsOf: String(number).utf8)
        }
        appendLineEnd(to: &output)
    }

    @usableFromInline
    static func appendLineEnd(to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\r"))
        output.append(UInt8(ascii: "\n"))
    }
}
