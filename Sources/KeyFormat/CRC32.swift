/// The cyclic redundancy check of zlib, PNG and ISO 3309 (reflected polynomial 0xEDB88320).
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in
            value & 1 == 0 ? value >> 1 : (value >> 1) ^ 0xEDB8_8320
        }
    }

    /// The checksum of the first `count` bytes.
    static func checksum(of bytes: Span<UInt8>, count: Int) -> UInt32 {
        let table = table
        var value: UInt32 = 0xFFFF_FFFF
        for index in 0..<count {
            value = (value >> 8) ^ table[Int(UInt8(truncatingIfNeeded: value) ^ bytes[index])]
        }
        return ~value
    }
}
