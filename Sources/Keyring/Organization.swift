import KeyFormat

/// The name of an organization: 1 to 64 of `A-Z a-z 0-9 . _ -`.
public struct Organization: Hashable, Sendable, CustomStringConvertible {
    /// Longest name in bytes.
    public static let lengthMax = 64

    /// The name.
    public let name: String

    /// An organization, or `nil` where the text is no name of one.
    public init?(_ name: some Collection<UInt8>) {
        guard (1...Self.lengthMax).contains(name.count), name.allSatisfy(Self.isAllowed) else {
            return nil
        }
        self.name = String(decoding: name, as: UTF8.self)
    }

    /// An organization, or `nil` where the text is no name of one.
    public init?(_ name: String) {
        self.init(name.utf8)
    }

    /// The locator of the organization's record and keys.
    public var locator: Locator { Locator(organization: name.utf8) }

    /// The name.
    public var description: String { name }

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
