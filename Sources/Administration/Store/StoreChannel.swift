import RedisClient

/// The way to the store and back. The machine's is ``StoreConnection``; a simulation has its own.
protocol StoreChannel: AnyObject {
    /// Whether there is a connection, as far as is known.
    var isReady: Bool { get }

    /// Sends commands in one go and waits for all their replies, in the commands' order; makes a
    /// connection where there is none.
    ///
    /// - Parameter onSameConnection: Whether they are of no use on another connection than the one
    ///   that carried the commands before.
    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply]

    /// Gives the connection up; the next commands make a new one, without a pause.
    func renew()
}

extension StoreChannel {
    /// Sends commands that may go out on any connection.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        try execute(commands, onSameConnection: false)
    }
}
