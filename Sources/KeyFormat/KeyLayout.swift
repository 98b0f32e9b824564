/// Offsets of the parts of a key: `<prefix>_<locator>_<secret><tag><checksum>`.
struct KeyLayout: Sendable {
    static let secretLength = 32
    static let tagLength = 8
    static let checksumLength = 6

    /// 62 to the power of the tag length.
    static let tagModulus: UInt64 = 218_340_105_584_896

    let locatorStart: Int
    let secretStart: Int
    let tagStart: Int
    let checksumStart: Int

    /// Length of a whole key, in bytes.
    let length: Int

    init(prefix: KeyPrefix) {
        locatorStart = prefix.ascii.count + 1
        secretStart = locatorStart + Locator.length + 1
        tagStart = secretStart + Self.secretLength
        checksumStart = tagStart + Self.tagLength
        length = checksumStart + Self.checksumLength
    }
}
