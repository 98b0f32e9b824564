import KeyFormat
import RedisClient

/// The name of an organization: 1 to 64 of `A-Z a-z 0-9 . _ -`.
///
/// The name is stored inline, without a reference, so that a check can pass it on at no cost.
public struct Organization: Sendable {
    /// Longest name, in bytes.
    public static let lengthMax = 64

    /// The bytes of a name, padded with zeros.
    public typealias Storage = InlineArray<64, UInt8>

    /// The name, padded with zeros.
    public let storage: Storage

    /// Length of the name, in bytes.
    public let length: Int

    /// Restores an organization from its ``storage`` and ``length``.
    public init(storage: Storage, length: Int) {
        self.storage = storage
        self.length = min(max(length, 0), Self.lengthMax)
    }

    /// An organization; `nil` if the name is invalid.
    public init?(_ name: some Collection<UInt8>) {
        guard (1...Self.lengthMax).contains(name.count), name.allSatisfy(\.isNameCharacter) else {
            return nil
        }
        var storage = Storage(repeating: 0)
        for (index, byte) in name.enumerated() { storage[index] = byte }
        self.init(storage: storage, length: name.count)
    }

    /// An organization; `nil` if the name is invalid.
    public init?(_ name: String) {
        self.init(name.utf8)
    }

    /// The name as a string.
    public var name: String {
        String(decoding: (0..<length).map { storage[$0] }, as: UTF8.self)
    }

    /// The locator of the record and the keys.
    public var locator: Locator { Locator(organization: (0..<length).map { storage[$0] }) }
}

extension Organization: Hashable, CustomStringConvertible {
    /// Compares names byte by byte.
    public static func == (left: Organization, right: Organization) -> Bool {
        left.length == right.length
            && (0..<left.length).allSatisfy { left.storage[$0] == right.storage[$0] }
    }

    /// Hashes the name.
    public func hash(into hasher: inout Hasher) {
        for index in 0..<length { hasher.combine(storage[index]) }
    }

    /// The name.
    public var description: String { name }
}
