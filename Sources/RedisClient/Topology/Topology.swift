/// The servers that hold the records.
///
/// Code that connects switches over all cases, so that a new case is a compile error wherever it
/// must be handled.
public enum Topology: Hashable, Sendable {
    /// A single server holds every record.
    case standalone(StoreURL)
    /// A primary holds every record, and replicas follow it. Sentinels name the primary.
    case sentinel(SentinelURL)
    /// Several primaries hold the records, each those of some slots, and replicas follow them. The primaries
    /// name each other.
    case cluster(ClusterURL)

    /// Parses the value of `latchkey_store`.
    public init(_ text: String) throws(StoreURL.Fault) {
        if let url = try SentinelURL(text) {
            self = .sentinel(url)
        } else if let url = try ClusterURL(text) {
            self = .cluster(url)
        } else {
            self = .standalone(try StoreURL(text))
        }
    }

    /// The endpoints known before the first connection.
    public var endpoints: [Endpoint] {
        switch self {
        case .standalone(let url): [url.endpoint]
        case .sentinel(let url): url.sentinels
        case .cluster(let url): url.servers
        }
    }

    /// Whether the servers are reached with TLS.
    public var isSecure: Bool {
        switch self {
        case .standalone(let url): url.isSecure
        case .sentinel(let url): url.isSecure
        case .cluster(let url): url.isSecure
        }
    }

    /// Whether several primaries share the records.
    public var isCluster: Bool { if case .cluster = self { true } else { false } }

    /// Whether another server may become the primary of a record.
    public var hasFailover: Bool {
        switch self {
        case .standalone: false
        case .sentinel, .cluster: true
        }
    }
}
