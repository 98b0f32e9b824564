/// A person or account that may own an organization or act on it: 1 to 128 printable ASCII characters
/// without spaces.
public struct Principal: Hashable, Sendable, CustomStringConvertible {
    /// Longest name, in bytes.
    public static let lengthMax = 128

    /// The name.
    public let name: String

    /// A principal; `nil` if the name is invalid.
    public init?(_ name: some Collection<UInt8>) {
        guard (1...Self.lengthMax).contains(name.count),
            name.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.name = String(decoding: name, as: UTF8.self)
    }

    /// A principal; `nil` if the name is invalid.
    public init?(_ name: String) {
        self.init(name.utf8)
    }

    /// The name.
    public var description: String { name }
}
