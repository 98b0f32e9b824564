/// What a link needs to know about its server.
public struct LinkSettings {
    /// The longest reply that is read unless another limit is given, in bytes.
    public static let replyLengthMax = 1 << 20

    var endpoint: Endpoint?
    var certificateName: String?
    let database: Int
    let credentials: RedisCredentials?
    let timeoutMilliseconds: UInt64
    let replyLengthMax: Int
    let trackedPrefix: String?
    let requiresPrimary: Bool

    /// - Parameters:
    ///   - endpoint: Where the server listens; `nil` while that is not known.
    ///   - certificateName: The host name or IP address that the server's certificate must be valid for;
    ///     `nil` for a connection without TLS.
    ///   - timeoutMilliseconds: Longest wait for the connection, and for each reply.
    ///   - replyLengthMax: A longer reply is skipped; ``RedisReply/tooLong`` stands in its place.
    ///   - trackedPrefix: Redis sends invalidations of all keys with this prefix. In version 2 of the
    ///     protocol such a link takes no command but PING.
    ///   - requiresPrimary: A server that says it is a replica is refused.
    public init(
        endpoint: Endpoint?,
        certificateName: String? = nil,
        database: Int,
        credentials: RedisCredentials?,
        timeoutMilliseconds: UInt64,
        replyLengthMax: Int = Self.replyLengthMax,
        trackedPrefix: String? = nil,
        requiresPrimary: Bool = false
    ) {
        self.endpoint = endpoint
        self.certificateName = certificateName
        self.database = database
        self.credentials = credentials
        self.timeoutMilliseconds = timeoutMilliseconds
        self.replyLengthMax = replyLengthMax
        self.trackedPrefix = trackedPrefix
        self.requiresPrimary = requiresPrimary
    }
}
