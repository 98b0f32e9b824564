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

extension Endpoint {
    /// Longest host name in DNS, in bytes.
    private static let hostLengthMax = 253

    /// Parses `host[:port]`; an IPv6 address stands in brackets.
    init(authority: ArraySlice<UInt8>, standardPort: UInt16) throws(StoreURL.Fault) {
        var host = authority
        var port = authority.suffix(0)
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else { throw .host }
            host = authority[..<end].dropFirst()
            port = authority[end...].dropFirst()
            guard host.contains(UInt8(ascii: ":")) else { throw .host }
        } else if let colon = authority.firstIndex(of: UInt8(ascii: ":")) {
            host = authority[..<colon]
            port = authority[colon...]
        }
        self = .tcp(
            host: try Self.name(host),
            port: port.isEmpty ? standardPort : try Self.port(port)
        )
    }

    /// The endpoint at an IP address; `nil` for a host name, and for no valid port.
    public init?(address: ArraySlice<UInt8>, port: ArraySlice<UInt8>) {
        guard let port = try? Self.port([UInt8(ascii: ":")] + port) else { return nil }
        let host = String(decoding: address, as: UTF8.self)
        guard Self.isIPAddress(host) else { return nil }
        self = .tcp(host: host, port: port)
    }

    /// Whether the host is an IP address.
    public var isIPAddress: Bool {
        switch self {
        case .tcp(let host, _): Self.isIPAddress(host)
        case .unix: false
        }
    }

    /// Whether a string is a host name or an IP address, without brackets.
    public static func isHost(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard (try? name(bytes[...])) != nil else { return false }
        return !bytes.contains(UInt8(ascii: ":")) || isAddress(text, of: AF_INET6)
    }

    private static func isIPAddress(_ text: String) -> Bool {
        isAddress(text, of: AF_INET) || isAddress(text, of: AF_INET6)
    }

    private static func isAddress(_ text: String, of family: Int32) -> Bool {
        var address = in6_addr()
        return !text.utf8.contains(0) && inet_pton(family, text, &address) == 1
    }

    private static func name(_ host: ArraySlice<UInt8>) throws(StoreURL.Fault) -> String {
        guard !host.isEmpty, host.count <= hostLengthMax,
            host.allSatisfy({ $0.isNameCharacter || $0 == UInt8(ascii: ":") })
        else { throw .host }
        return String(decoding: host, as: UTF8.self)
    }

    private static func port(_ text: ArraySlice<UInt8>) throws(StoreURL.Fault) -> UInt16 {
        guard text.first == UInt8(ascii: ":"), let number = text.dropFirst().smallNumber,
            let port = UInt16(exactly: number), port > 0
        else { throw .port }
        return port
    }
}

extension ArraySlice<UInt8> {
    /// The number in one to five decimal digits; `nil` for anything else.
    var smallNumber: Int? {
        guard (1...5).contains(count),
            allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        return Int(String(decoding: self, as: UTF8.self))
    }
}
