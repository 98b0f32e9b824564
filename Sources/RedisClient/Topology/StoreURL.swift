/// The store in the form of `latchkey_store`: `redis://host[:port][/db]`, `rediss://…` for the same
/// with TLS, or `unix:/path`.
public struct StoreURL: Hashable, Sendable {
    /// The port registered for Redis.
    public static let standardPort: UInt16 = 6379

    /// Longest path of a Unix socket on Linux, in bytes.
    private static let pathLengthMax = 107

    /// Why a string is not the URL of a store.
    public enum Fault: Error, Equatable, Sendable {
        case unknownScheme
        case credentials
        case host
        case port
        case database
        case path
        /// Of a URL with sentinels.
        case sentinels
        /// Of a URL with sentinels.
        case primaryName
        /// Of a URL with a cluster.
        case clusterServers
        /// Of a URL with a cluster.
        case clusterDatabase
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
        endpoint = try Endpoint(authority: text[..<slash], standardPort: Self.standardPort)
        database = try Self.database(text[slash...].dropFirst())
        self.isSecure = isSecure
    }

    private static func database(_ text: ArraySlice<UInt8>) throws(Fault) -> Int {
        guard !text.isEmpty else { return 0 }
        guard let database = text.smallNumber else { throw .database }
        return database
    }
}

extension StoreURL.Fault: CustomStringConvertible {
    /// What is wrong, as the predicate of a sentence whose subject is the URL.
    public var description: String {
        switch self {
        case .unknownScheme:
            "has an unknown scheme: use redis://host:port/db, rediss://host:port/db, unix:/path, "
                + "sentinel://host:port,host:port,host:port/name, "
                + "or cluster://host:port,host:port,host:port"
        case .credentials: "must not contain a user or password: use latchkey_store_auth"
        case .host: "has no valid host"
        case .port: "has no valid port"
        case .database: "has no valid database number"
        case .path:
            "has no valid path: use an absolute path of at most 107 bytes without spaces"
        case .sentinels: "must name 1 to \(SentinelURL.countMax) sentinels, each once"
        case .primaryName:
            "must end with the name that the sentinels know the primary by, such as /mymaster"
        case .clusterServers:
            "must name 1 to \(ClusterURL.countMax) servers of the cluster, each once"
        case .clusterDatabase: "must name no database but 0: a cluster has no other"
        }
    }
}

extension [UInt8] {
    /// The bytes after a prefix; `nil` if they do not begin with it.
    func dropping(prefix: String) -> ArraySlice<UInt8>? {
        starts(with: prefix.utf8) ? self[prefix.utf8.count...] : nil
    }
}
