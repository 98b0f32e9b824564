import Glibc

/// The address at which a Redis server listens.
public enum Endpoint: Hashable, Sendable {
    case tcp(host: String, port: UInt16)
    case unix(path: String)
}

extension Endpoint: CustomStringConvertible {
    /// `host:port`, `[address]:port` for IPv6, or `unix:` and the path.
    public var description: String {
        switch self {
        case .tcp(let host, let port):
            host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

extension Endpoint {
    /// The host name or address that a certificate of the server must be valid for.
    public var certificateName: String {
        switch self {
        case .tcp(let host, _): String(host.hasSuffix(".") ? host.dropLast() : host[...])
        case .unix(let path): path
        }
    }
}

/// The store in the form of `latchkey_store`: `redis://host[:port][/db]`, `rediss://…` for the same
/// with TLS, or `unix:/path`.
public struct StoreURL: Hashable, Sendable {
    /// The port registered for Redis.
    public static let standardPort: UInt16 = 6379

    /// Longest path of a Unix socket on Linux, in bytes.
    private static let pathLengthMax = 107

    /// Longest host name in DNS, in bytes.
    private static let hostLengthMax = 253

    /// Why a string is not the URL of a store.
    public enum Fault: Error, Equatable, Sendable {
        case unknownScheme
        case credentials
        case host
        case port
        case database
        case path
    }

    /// Where the server listens.
    public let endpoint: Endpoint

    /// The index of the database to select.
    public let database: Int

    /// Whether the server is reached with TLS.
    public let isSecure: Bool

    /// Parses a URL.
    public init(_ text: String) throws(Fault) {
        let bytes = Array(text.utf8)
        if let path = bytes.dropping(prefix: "unix:") {
            try self.init(path: path)
        } else if let rest = bytes.dropping(prefix: "redis://") {
            try self.init(authorityAndPath: rest, isSecure: false)
        } else if let rest = bytes.dropping(prefix: "rediss://") {
            try self.init(authorityAndPath: rest, isSecure: true)
        } else {
            throw .unknownScheme
        }
    }

    private init(path: ArraySlice<UInt8>) throws(Fault) {
        guard path.first == UInt8(ascii: "/"), path.count <= Self.pathLengthMax,
            !path.contains(where: { $0 <= 0x20 })
        else { throw .path }
        endpoint = .unix(path: String(decoding: path, as: UTF8.self))
        database = 0
        isSecure = false
    }

    private init(authorityAndPath text: ArraySlice<UInt8>, isSecure: Bool) throws(Fault) {
        guard !text.contains(UInt8(ascii: "@")) else { throw .credentials }
        let slash = text.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        endpoint = try Self.endpoint(text[..<slash])
        database = try Self.database(text[slash...].dropFirst())
        self.isSecure = isSecure
    }

    /// Whether a string is a host name or an IP address, without brackets.
    public static func isHost(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (try? name(bytes[...])) != nil else { return false }
        return !bytes.contains(UInt8(ascii: ":")) || isIPv6Address(text)
    }

    private static func isIPv6Address(_ text: String) -> Bool {
        var address = in6_addr()
        return inet_pton(AF_INET6, text, &address) == 1
    }

    private static func endpoint(_ authority: ArraySlice<UInt8>) throws(Fault) -> Endpoint {
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
            let host = authority[..<end].dropFirst()
            guard host.contains(UInt8(ascii: ":")) else { throw .host }
            return .tcp(host: try name(host), port: try port(authority[end...].dropFirst()))
        }
        let colon = authority.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
        return .tcp(host: try name(authority[..<colon]), port: try port(authority[colon...]))
    }

    private static func name(_ host: ArraySlice<UInt8>) throws(Fault) -> String {
        guard !host.isEmpty, host.count <= hostLengthMax, host.allSatisfy(isAllowedInHost)
        else { throw .host }
        return String(decoding: host, as: UTF8.self)
    }

    private static func isAllowedInHost(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func port(_ text: ArraySlice<UInt8>) throws(Fault) -> UInt16 {
        guard !text.isEmpty else { return standardPort }
        guard text.first == UInt8(ascii: ":"), let number = number(text.dropFirst()),
            let port = UInt16(exactly: number), port > 0
        else { throw .port }
        return port
    }

    private static func database(_ text: ArraySlice<UInt8>) throws(Fault) -> Int {
        guard !text.isEmpty else { return 0 }
        guard let database = number(text) else { throw .database }
        return database
    }

    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        guard (1...5).contains(text.count),
            text.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(String(decoding: text, as: UTF8.self))
    }
}

extension StoreURL.Fault: CustomStringConvertible {
    /// What is wrong, as the predicate of a sentence whose subject is the URL.
    public var description: String {
        switch self {
        case .unknownScheme:
            "has an unknown scheme: use redis://host:port/db, rediss://host:port/db or unix:/path"
        case .credentials: "must not contain a user or password: use latchkey_store_auth"
        case .host: "has no valid host"
        case .port: "has no valid port"
        case .database: "has no valid database number"
        case .path:
            "has no valid path: use an absolute path of at most 107 bytes without spaces"
        }
    }
}

extension [UInt8] {
    fileprivate func dropping(prefix: String) -> ArraySlice<UInt8>? {
        starts(with: prefix.utf8) ? self[prefix.utf8.count...] : nil
    }
}
