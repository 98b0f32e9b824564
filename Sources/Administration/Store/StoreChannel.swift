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

    /// The same store, where its primary may change; `nil` where it is one server.
    var replicated: (any ReplicatedStore)? { get }
}

extension StoreChannel {
    /// Sends commands that may use any connection.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        try execute(commands, onSameConnection: false)
    }

    /// Sends commands that may be repeated. If an idle connection turns out to be lost, they are sent again on
    /// a new one.
    func execute(repeating commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        let wasIdle = isReady
        do throws(StoreConnection.Fault) {
            return try execute(commands)
        } catch {
            guard wasIdle, case .interrupted = error else { throw error }
            renew()
            return try execute(commands)
        }
    }

    var replicated: (any ReplicatedStore)? { nil }
}
