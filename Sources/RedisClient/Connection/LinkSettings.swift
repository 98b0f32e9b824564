/// What a link needs to know about its server.
public struct LinkSettings {
    let endpoint: Endpoint
    let database: Int
    let credentials: RedisCredentials?
    let timeoutMilliseconds: UInt64
    let subscription: Subscription?

    /// - Parameters:
    ///   - timeoutMilliseconds: Longest wait for the connection, and for each reply.
    ///   - subscription: What Redis is to send on its own. Such a link takes no command but PING.
    public init(
        endpoint: Endpoint,
        database: Int,
        credentials: RedisCredentials?,
        timeoutMilliseconds: UInt64,
        subscription: Subscription? = nil
    ) {
        self.endpoint = endpoint
        self.database = database
        self.credentials = credentials
        self.timeoutMilliseconds = timeoutMilliseconds
        self.subscription = subscription
    }
}
