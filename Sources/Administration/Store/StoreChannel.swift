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

    /// The same store, for commands about one place.
    func at(_ place: Place) -> any StoreChannel

    /// The same store, where several primaries share the records; `nil` where one server has all of them.
    var cluster: (any ClusteredStore)? { get }
}

extension StoreChannel {
    /// Sends commands that may use any connection.
    func execute(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply] {
        try execute(commands, onSameConnection: false)
    }

    /// Sends commands about several places, and waits for all replies. A store with one place gets them in one
    /// write.
    ///
    /// - Throws: A fault if there are no replies. In a cluster, some of the commands may have been carried out.
    func execute(_ parts: [PlacedCommands]) throws(StoreConnection.Fault) -> [[RedisReply]] {
        if let cluster { return try cluster.carryOut(parts) }
        return Self.split(try execute(parts.flatMap(\.commands)), as: parts)
    }

    /// The same for commands that may be repeated.
    func execute(repeating parts: [PlacedCommands]) throws(StoreConnection.Fault)
        -> [[RedisReply]]
    {
        guard let cluster else {
            return Self.split(try execute(repeating: parts.flatMap(\.commands)), as: parts)
        }
        do throws(StoreConnection.Fault) {
            return try cluster.carryOut(parts)
        } catch {
            guard case .interrupted = error else { throw error }
            return try cluster.carryOut(parts)
        }
    }

    private static func split(_ replies: [RedisReply], as parts: [PlacedCommands]) -> [[RedisReply]]
    {
        var rest = replies[...]
        return parts.map { part in
            defer { rest = rest.dropFirst(part.commands.count) }
            return Array(rest.prefix(part.commands.count))
        }
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

    func at(_ place: Place) -> any StoreChannel { self }

    var cluster: (any ClusteredStore)? { nil }

    /// The primary that the connection leads to, as it was last named; `nil` without a connection, and where
    /// the store is one server.
    var primary: Primary? { replicated?.connected?.primary }
}
