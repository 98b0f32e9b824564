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
        let url = try ServerListURL(
            text,
            scheme: "cluster",
            standardPort: StoreURL.standardPort,
            countMax: Self.countMax,
            otherwise: .clusterServers
        )
        guard let url else { return nil }
        guard url.path.isEmpty || url.path.elementsEqual("0".utf8) else { throw .clusterDatabase }
        servers = url.servers
        isSecure = url.isSecure
    }
}
