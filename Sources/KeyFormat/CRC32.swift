/// The cyclic redundancy check of zlib, PNG and ISO 3309 (reflected polynomial 0xEDB88320).
enum CRC32 {
    /// What each value of a byte contributes if 0 to 7 bytes follow it: eight tables of 256 numbers.
    private static let table: [UInt32] = {
        var table = (0..<256).map { (index: UInt32) in
            (0..<8).reduce(index) { value, _ in
                value & 1 == 0 ? value >> 1 : (value >> 1) ^ 0xEDB8_8320
            }
        }
        for index in 256..<8 * 256 {
            let before = table[index - 256]
            table.append(before >> 8 ^ table[Int(before & 255)])
        }
        return table
    }()

    /// The checksum of the first `count` bytes. Eight bytes are processed at a time, so that their
    /// lookups do not depend on one another.
    static func checksum(of text: Span<UInt8>, count: Int) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            text.withUnsafeBytes { bytes in
                let count = min(count, bytes.count)
                let wholeWords = count & ~7
                var value: UInt32 = 0xFFFF_FFFF
                for offset in stride(from: 0, to: wholeWords, by: 8) {
                    let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    value = step(UInt64(littleEndian: word) ^ UInt64(value), table)
                }
                for offset in wholeWords..<count {
                    value =
                        value >> 8 ^ table[Int(UInt8(truncatingIfNeeded: value) ^ bytes[offset])]
                }
                return ~value
            }
        }
    }

    @inline(__always)
    private static func step(_ word: UInt64, _ table: UnsafeBufferPointer<UInt32>) -> UInt32 {
        var value: UInt32 = 0
        for index in 0..<8 {
            let byte = UInt8(truncatingIfNeeded: word >> UInt64(8 * index))
            value ^= table[256 * (7 - index) + Int(byte)]
        }
        return value
    }
}
