/// What a server of a cluster is asked.
public enum ClusterCommands {
    /// Asks who holds which slots: the reply is a ``SlotMap``.
    public static var slots: RedisCommand { RedisCommand("CLUSTER", "SLOTS") }

    /// Asks which servers there are, and in which state: the reply is a ``ClusterTable``.
    public static var nodes: RedisCommand { RedisCommand("CLUSTER", "NODES") }

    /// Sent before a command that follows ``Redirection/ask(_:to:)``.
    public static var asking: RedisCommand { RedisCommand("ASKING") }
}
