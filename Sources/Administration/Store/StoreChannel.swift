import RedisClient

/// Carries commands to the store and replies back. ``StoreConnection`` uses a socket; tests simulate.
protocol StoreChannel: AnyObject {
    /// Whether the connection was usable when it was last used.
    var isReady: Bool { get }

    /// Sends commands in one write and waits for all replies, in the commands' order. Connects first if
    /// necessary.
    ///
    /// - Parameter onSameConnection: Whether the commands make sense only on the connection that carried
    ///   the previous ones.
    /// - Throws: A fault if there are no replies.
    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply]

    /// Closes the connection. The next commands open a new one at once.
    func renew()
}

extension StoreChannel {
    /// Sends commands that may use any connection.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        try execute(commands, onSameConnection: false)
    }
}
