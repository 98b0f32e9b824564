import CHiredis

/// Writes commands in the Redis protocol, with hiredis' formatter.
public enum RESPEncoder {
    /// Appends a command. Returns `false`, leaving the output as it was, when there is no memory
    /// for it.
    public static func append(_ command: RedisCommand, to output: inout [UInt8]) -> Bool {
        command.bytes.withUnsafeBytes { bytes in
            // An empty array may have no address; an argument of no bytes needs one all the same.
            let start = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
            var offset = 0
            var pointers = command.lengths.map { length -> UnsafePointer<CChar>? in
                defer { offset += length }
                return (start + offset).assumingMemoryBound(to: CChar.self)
            }
            return format(&pointers, command.lengths, to: &output)
        }
    }

    private static func format(
        _ pointers: inout [UnsafePointer<CChar>?],
        _ lengths: [Int],
        to output: inout [UInt8]
    ) -> Bool {
        var formatted: UnsafeMutablePointer<CChar>?
        let length = redisFormatCommandArgv(&formatted, Int32(lengths.count), &pointers, lengths)
        guard length > 0, let formatted else { return false }
        defer {
            wipe(UnsafeMutableRawBufferPointer(start: formatted, count: Int(length)))
            redisFreeCommand(formatted)
        }
        output.append(contentsOf: UnsafeRawBufferPointer(start: formatted, count: Int(length)))
        return true
    }
}
