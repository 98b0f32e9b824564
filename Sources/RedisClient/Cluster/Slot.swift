/// One of the parts into which a cluster divides its keys.
public struct Slot: Hashable, Sendable {
    /// How many there are.
    public static let count = 16_384

    /// From 0 to ``count`` - 1.
    public let number: Int

    /// The slot of a number; `nil` where there is none.
    public init?(_ number: Int) {
        guard (0..<Self.count).contains(number) else { return nil }
        self.number = number
    }

    /// The slot of a key: that of its hash tag, the bytes between the first `{` and the next `}`; of the whole
    /// key where there is no tag, or an empty one.
    public init(ofKey key: some Collection<UInt8>) {
        guard let opening = key.firstIndex(of: UInt8(ascii: "{")) else {
            self.init(ofTag: key)
            return
        }
        let rest = key[key.index(after: opening)...]
        if let closing = rest.firstIndex(of: UInt8(ascii: "}")), closing != rest.startIndex {
            self.init(ofTag: rest[..<closing])
        } else {
            self.init(ofTag: key)
        }
    }

    /// The slot of all keys with this hash tag, given without its braces.
    public init(ofTag tag: some Sequence<UInt8>) {
        number = Int(Self.crc16(tag)) % Self.count
    }

    /// CRC-16/XMODEM: polynomial 0x1021, from 0, bits not reversed.
    private static func crc16(_ bytes: some Sequence<UInt8>) -> UInt16 {
        let table = Self.table
        var crc: UInt16 = 0
        for byte in bytes {
            crc = crc << 8 ^ table[Int(UInt8(truncatingIfNeeded: crc >> 8) ^ byte)]
        }
        return crc
    }

    /// The sums of single bytes.
    private static let table: [UInt16] = (0..<256).map { byte in
        (0..<8).reduce(UInt16(byte) << 8) { crc, _ in
            crc & 0x8000 == 0 ? crc << 1 : crc << 1 ^ 0x1021
        }
    }
}

extension Slot: Comparable {
    /// Lower numbers come first.
    public static func < (left: Slot, right: Slot) -> Bool { left.number < right.number }
}

extension Slot: CustomStringConvertible {
    /// The number.
    public var description: String { String(number) }
}
