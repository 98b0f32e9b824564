import Keyring

/// How the console learns who asks.
public enum IdentityRule: Equatable, Sendable {
    /// The proxy in front says so.
    case header(HeaderIdentity)
    /// A token says so, which one of the keys in the file has signed.
    case token(file: String)
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
    ///
    /// - Throws: ``Problem/notSignedIn(_:)`` if nobody is named, ``Problem/invalid(_:)`` for more than one
    ///   name, or none that is valid.
    func principal(_ request: ConsoleRequest) throws(Problem) -> Principal {
        let values = request.values(name)
        guard let value = values.first else { throw .notSignedIn(nil) }
        guard values.count == 1, !value.utf8.contains(UInt8(ascii: ",")) else {
            throw .invalid(name)
        }
        guard !value.isEmpty else { throw .notSignedIn(nil) }
        guard let principal = Principal(value) else { throw .invalid(name) }
        return principal
    }
}
