/// The store in the form of `latchkey_store` where a cluster holds the records:
/// `cluster://host[:port],…`, or `clusters://…` for the same with TLS. A cluster has no database but 0.
public struct ClusterURL: Hashable, Sendable {
    /// The most servers that may be configured. The cluster may have more.
    public static let countMax = 16

    /// Servers of the cluster, in the configuration's order; each stands there once. Any of them tells of
    /// the others.
    public let servers: [Endpoint]

    /// Whether the servers are reached with TLS.
    public let isSecure: Bool

    /// Parses a URL; `nil` if its scheme is another one.
    init?(_ text: String) throws(StoreURL.Fault) {
        let bytes = Array(text.utf8)
        if let rest = bytes.dropping(prefix: "cluster://") {
            try self.init(authoritiesAndPath: rest, isSecure: false)
        } else if let rest = bytes.dropping(prefix: "clusters://") {
            try self.init(authoritiesAndPath: rest, isSecure: true)
        } else {
            return nil
        }
    }

    private init(authoritiesAndPath text: ArraySlice<UInt8>, isSecure: Bool) throws(StoreURL.Fault)
    {
        guard !text.contains(UInt8(ascii: "@")) else { throw .credentials }
        let slash = text.firstIndex(of: UInt8(ascii: "/")) ?? text.endIndex
        servers = try Endpoint.list(text[..<slash], standardPort: StoreURL.standardPort)
        guard servers.count <= Self.countMax, Set(servers).count == servers.count
        else { throw .clusterServers }
        let database = text[slash...].dropFirst()
        guard database.isEmpty || database.elementsEqual("0".utf8) else { throw .clusterDatabase }
        self.isSecure = isSecure
    }
}

extension Endpoint {
    /// Parses `host[:port],…`.
    static func list(_ text: ArraySlice<UInt8>, standardPort: UInt16) throws(StoreURL.Fault)
        -> [Endpoint]
    {
        var endpoints: [Endpoint] = []
        for authority in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        {
            do throws(AuthorityFault) {
                endpoints.append(try Endpoint(authority: authority, standardPort: standardPort))
            } catch {
                throw StoreURL.Fault(error)
            }
        }
        return endpoints
    }
}
