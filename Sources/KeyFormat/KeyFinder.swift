/// Finds keys in any bytes, by their form and their checksum; no pepper is needed.
///
/// Keys of all prefixes are found, and nothing else: that a checksum is right by chance happens once
/// in four thousand million.
public struct KeyFinder {
    /// Length in bytes of the longest key.
    public static let lengthMax = KeyMint.lengthMax

    private static let prefixLengths = 2...17
    private static let tailLength =
        KeyLayout.secretLength + KeyLayout.tagLength + KeyLayout.checksumLength
    private static let underscore = UInt8(ascii: "_")

    /// A finder.
    public init() {}

    /// Where keys stand, in their order.
    public func keys(in bytes: Span<UInt8>) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var digits = 0
        // From the end on, so that at each underscore it is known how many digits follow it.
        for index in stride(from: bytes.count - 1, through: 0, by: -1) {
            let byte = bytes[index]
            if byte == Self.underscore {
                if digits >= Self.tailLength, let key = key(in: bytes, locatorEnd: index) {
                    found.append(key)
                }
                digits = 0
            } else {
                digits = Base62.value(of: byte) == 255 ? 0 : digits + 1
            }
        }
        return found.reversed()
    }

    private func key(in bytes: Span<UInt8>, locatorEnd: Int) -> Range<Int>? {
        let locatorStart = locatorEnd - Locator.length
        let end = locatorEnd + 1 + Self.tailLength
        guard locatorStart > Self.prefixLengths.lowerBound,
            bytes[locatorStart - 1] == Self.underscore,
            Locator(ascii: bytes, at: locatorStart) != nil,
            let checksum = Base62.number(in: bytes, end - KeyLayout.checksumLength..<end)
        else { return nil }
        for length in Self.prefixLengths where length < locatorStart {
            let start = locatorStart - 1 - length
            let count = end - start - KeyLayout.checksumLength
            let body = bytes.extracting(start..<end)
            guard KeyPrefix((start..<start + length).map { bytes[$0] }) != nil,
                UInt64(CRC32.checksum(of: body, count: count)) == checksum
            else { continue }
            return start..<end
        }
        return nil
    }
}
