/// How the servers that hold the records are found.
///
/// Whoever connects switches over it, so that a further case is a compile error in each place that
/// must learn of it.
public enum Topology: Hashable, Sendable {
    /// One server holds every record.
    case standalone(StoreURL)

    /// The endpoints that are known before anything is connected.
    public var endpoints: [Endpoint] {
        switch self {
        case .standalone(let url): [url.endpoint]
        }
    }
}
