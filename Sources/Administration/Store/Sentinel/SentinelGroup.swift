import Keyring
import RedisClient

/// Connections to the sentinels of the configuration.
final class SentinelGroup: Sentinels {
    private let sentinels: [Endpoint]
    private let group: ServerGroup

    /// Connections with the configuration's credentials.
    ///
    /// - Throws: An error if the credentials, or the files for TLS, cannot be used.
    init(_ url: SentinelURL, _ configuration: Configuration) throws(AdministrationError) {
        let file = configuration.sentinelCredentialsFile
        let credentials = try translatingSecretFault(try Secrets.credentials(file: file))
        let tls = try TLSContext(configuration)
        sentinels = url.sentinels
        group = ServerGroup("sentinel") { endpoint, timeout in
            StoreConnection(
                .sentinel,
                at: endpoint,
                credentials: credentials,
                tls: tls,
                timeoutMilliseconds: timeout
            )
        }
    }

    /// The certificates by which a sentinel proved itself, its own first; none without TLS or a connection.
    func certificates(of index: Int) -> [Certificate] {
        group.certificates(of: sentinels[index])
    }

    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>] {
        group.ask(sentinels, commands)
    }
}
