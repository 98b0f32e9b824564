/// The slots of keys, computed as Redis documents it: CRC-16/XMODEM of the hash tag.
enum ModelSlots {
    static let count = 16_384

    static func slot(of key: String) -> Int {
        var crc: UInt16 = 0
        for byte in tag(of: key) {
            crc ^= UInt16(byte) << 8
            for _ in 0..<8 { crc = crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021 }
        }
        return Int(crc) % count
    }

    private static func tag(of key: String) -> ArraySlice<UInt8> {
        let bytes = Array(key.utf8)[...]
        guard let opening = bytes.firstIndex(of: UInt8(ascii: "{")),
            let closing = bytes[(opening + 1)...].firstIndex(of: UInt8(ascii: "}")),
            closing > opening + 1
        else { return bytes }
        return bytes[(opening + 1)..<closing]
    }

    /// The keys of a command.
    static func keys(of command: [String]) -> ArraySlice<String> {
        switch command[0] {
        case "WATCH", "DEL": command.dropFirst()
        case "HMGET", "HGET", "HEXISTS", "HGETALL", "HSET", "HSETNX", "HDEL", "HINCRBY", "ZADD",
            "ZINCRBY", "ZSCORE", "SET", "INCR", "EXPIRE", "RPUSH", "LPOP", "BLPOP", "LTRIM",
            "LRANGE":
            command.dropFirst().prefix(1)
        default: []
        }
    }
}
