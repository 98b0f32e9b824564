/// What a link needs to know of its server.
public struct LinkSettings {
    let database: Int
    let credentials: RedisCredentials?
    let timeoutMilliseconds: UInt64
    let subscription: Subscription?

    /// - Parameters:
    ///   - timeoutMilliseconds: Longest wait for a connection, and for the reply to a command.
    ///   - subscription: What the link listens to; it then takes no commands but PING.
    public init(
        database: Int,
        credentials: RedisCredentials?,
        timeoutMilliseconds: UInt64,
        subscription: Subscription? = nil
    ) {
        self.database = database
        self.credentials = credentials
        self.timeoutMilliseconds = timeoutMilliseconds
        self.subscription = subscription
    }
}
