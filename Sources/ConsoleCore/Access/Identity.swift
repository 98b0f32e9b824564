import Keyring

/// How the console learns who asks.
public enum IdentityRule: Equatable, Sendable {
    /// The proxy in front says so.
    case header(HeaderIdentity)
    /// A token says so, which one of the keys in the file has signed.
    case token(file: String)
}

/// Who asks, as the proxy in front says.
enum Identity: Equatable {
    case principal(Principal)
    /// Nobody has signed in.
    case missing
    /// More than one name, or none that is valid.
    case invalid
}

/// Believes one header field: the proxy sets it, and the console listens only where the proxy is.
public struct HeaderIdentity: Equatable, Sendable {
    /// The name of the field, in lower case.
    let name: String

    /// `nil` if a proxy might not replace such a field of its client's: a name must consist of letters,
    /// digits and `-`. nginx drops names with `_` or `.`, and other servers take `_` for `-`.
    public init?(_ name: String) {
        let isValid = { (byte: UInt8) in
            byte == UInt8(ascii: "-") || (0x30...0x39).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
        let lower = name.lowercased()
        guard (1...64).contains(lower.utf8.count), lower.utf8.allSatisfy(isValid),
            !Self.others.contains(lower)
        else { return nil }
        self.name = lower
    }

    /// Fields whose values clients or browsers choose.
    private static let others: Set = [
        "accept", "accept-language", "authorization", "content-length", "content-type", "cookie",
        "host", "if-match", "origin", "referer", "user-agent",
    ]

    /// Who asks.
    func identity(_ request: ConsoleRequest) -> Identity {
        let values = request.values(name)
        guard let value = values.first else { return .missing }
        guard values.count == 1, !value.utf8.contains(UInt8(ascii: ",")) else { return .invalid }
        guard !value.isEmpty else { return .missing }
        return Principal(value).map { .principal($0) } ?? .invalid
    }
}
