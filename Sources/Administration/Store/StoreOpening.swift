import Keyring
import RedisClient

/// Connections to the store that the configuration names.
struct StoreOpening {
    private let configuration: Configuration
    private let credentials: RedisCredentials?
    private let tls: TLSContext?

    /// Uses the executable's credentials.
    ///
    /// - Throws: An error if the credentials, or the files for TLS, cannot be used.
    init(_ configuration: Configuration) throws(AdministrationError) {
        self.configuration = configuration
        let file = configuration.adminCredentialsFile
        credentials = try translatingSecretFault(try Secrets.credentials(file: file))
        tls = try TLSContext(configuration)
    }

    /// The store, wherever its primary is. The first commands connect to it.
    ///
    /// - Throws: An error if the sentinels' credentials cannot be used.
    static func store(_ configuration: Configuration) throws(AdministrationError)
        -> any StoreChannel
    {
        let opening = try StoreOpening(configuration)
        switch configuration.topology {
        case .standalone(let url): return opening.connection(to: url)
        case .sentinel(let url):
            let sentinels = try SentinelGroup(url, configuration)
            return SentinelStore(
                PrimarySearch(url: url, sentinels: sentinels),
                clock: SystemClock()
            ) { opening.connection(to: $0) }
        case .cluster(let url): return opening.cluster(url)
        }
    }

    /// A cluster.
    func cluster(_ url: ClusterURL) -> ClusterStore {
        ClusterStore(seeds: url.servers, servers: inquiry(), clock: SystemClock()) { node in
            connection(to: node, .node)
        }
    }

    /// Connections for questions to many servers of a cluster at once.
    func inquiry() -> ServerGroup {
        ServerGroup("store") { endpoint, timeout in
            StoreConnection(
                .node,
                at: endpoint,
                credentials: credentials,
                tls: tls,
                timeoutMilliseconds: timeout
            )
        }
    }

    /// A connection to the only server.
    ///
    /// - Parameter refusesOld: Whether a server that reports an unsupported version is refused.
    func connection(to url: StoreURL, refusesOld: Bool = true) -> StoreConnection {
        StoreConnection(
            at: url.endpoint,
            database: url.database,
            credentials: credentials,
            tls: tls,
            refusesOld: refusesOld
        )
    }

    /// A connection to one of several servers.
    func connection(
        to endpoint: Endpoint,
        _ kind: StoreConnection.Kind = .server,
        refusesOld: Bool = true
    ) -> StoreConnection {
        StoreConnection(
            kind,
            at: endpoint,
            credentials: credentials,
            tls: tls,
            refusesOld: refusesOld
        )
    }
}
