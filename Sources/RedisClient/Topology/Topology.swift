/// The servers that hold the records.
///
/// Code that connects switches over all cases, so that a new case is a compile error wherever it
/// must be handled.
public enum Topology: Hashable, Sendable {
    /// A single server holds every record.
    case standalone(StoreURL)

    /// The endpoints known before the first connection.
    public var endpoints: [Endpoint] {
        switch self {
        case .standalone(let url): [url.endpoint]
        }
    }

    /// Whether the servers are reached with TLS.
    public var isSecure: Bool {
        switch self {
        case .standalone(let url): url.isSecure
        }
    }
}
