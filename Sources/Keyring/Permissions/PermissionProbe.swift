import KeyFormat
import RedisClient

/// Commands whose replies show what a user of Redis may do. None of them changes anything.
public enum PermissionProbe {
    /// The locator of an organization that does not exist.
    private static let locator = Organization("latchkey-doctor")!.locator
    private static var signal: Signal {
        var generator = SystemRandomNumberGenerator()
        let id = SignalID(at: UnixTime(milliseconds: 0), using: &generator)
        return Signal(.barrier, about: locator, id: id)
    }

    /// The commands with which the executable reads.
    public static var adminReads: [RedisCommand] {
        [
            RedisCommand("PING"), KeyCommands.watch(locator), KeyCommands.read(locator),
            Membership.read, RedisCommand("WATCH", .bytes(Keyspace.gateways)),
            RedisCommand("HMGET", .bytes(Keyspace.gateways), "a"), Term.read,
            UseCommands.read(locator),
        ] + RefusalCommands.read(locator) + AuditLine.read(locator)
            + [
                RecordScan().next ?? RedisCommand("SCAN", "0"),
                signal.popAcknowledgements,
            ]
    }

    /// The command with which the executable waits for replicas.
    public static var adminReplication: [RedisCommand] { [RedisCommand("WAIT", "0", "1")] }

    /// The commands with which the executable follows what moves in a cluster.
    public static var adminCluster: [RedisCommand] {
        [ClusterCommands.asking, ClusterCommands.nodes]
    }

    /// The same for a worker.
    public static var gatewayCluster: [RedisCommand] {
        [ClusterCommands.asking, ClusterCommands.slots]
    }

    /// The commands with which the executable writes, in a transaction that Redis discards because one of
    /// its commands lacks arguments.
    ///
    /// - Parameter isCluster: Whether it waits for replicas in a cluster, too.
    public static func adminChanges(inCluster isCluster: Bool) -> [RedisCommand] {
        let touch = isCluster ? Array(signal.touch.dropFirst().dropLast()) : []
        return [RedisCommand("MULTI")] + changes + touch
            + [
                signal.awaitAcknowledgement(milliseconds: 1),
                RedisCommand("HMGET"),
                RedisCommand("EXEC"),
            ]
    }

    /// Dry runs of the same commands for the default user of Redis, which replays the append-only file.
    public static var loading: [RedisCommand] {
        changes.map { change in
            RedisCommand(["ACL", "DRYRUN", "default"] + change.arguments.map { .bytes(Array($0)) })
        }
    }

    private static var changes: [RedisCommand] {
        let record = Keyspace.record(locator)
        return [
            command("HINCRBY", record, "version", "1"), command("HSET", record, "a", "b"),
            command("HDEL", record, "a"), command("HDEL", Keyspace.gateways, "a"),
            command("HSET", Keyspace.gateways, "a", "b"),
            command("HINCRBY", Keyspace.gateways, "a", "1"),
            command("HSETNX", Keyspace.gateways, "a", "b"),
            command("RPUSH", Keyspace.audit(locator), "a"),
            command("LTRIM", Keyspace.audit(locator), "0", "1"),
            command("RPUSH", Keyspace.attempts(locator), "a"),
            command("LTRIM", Keyspace.attempts(locator), "0", "1"),
            command("ZADD", Keyspace.used(locator), "GT", "1", "a"),
        ] + signal.commands
    }

    /// The commands of a worker. Their arguments are invalid on purpose, so that they have no effect, or
    /// Redis discards them with their transaction, because a command lacks arguments.
    public static var gateway: [RedisCommand] {
        let acknowledgements = Keyspace.acknowledgements(signal)
        return [
            RedisCommand("PING"), KeyCommands.read(locator), Term.read,
            RedisCommand("MULTI"),
            command("HSETNX", Keyspace.gateways, "latchkey-doctor", "a"),
            RedisCommand("HMGET"),
            RedisCommand("EXEC"),
            command("HSET", Keyspace.gateways, "a", "b", "c"),
            command("HINCRBY", Keyspace.gateways, "latchkey-doctor", "no"),
            command("HDEL", Keyspace.gateways, "latchkey-doctor"),
            command("HGET", Keyspace.gateways, "latchkey-doctor"),
            command("ZADD", Keyspace.used(locator), "GT", "no", "a"),
            command("ZINCRBY", Keyspace.refused(locator), "no", "a"),
            command("ZADD", Keyspace.refusedAt(locator), "GT", "no", "a"),
            command("RPUSH", acknowledgements, "latchkey-doctor"),
            command("EXPIRE", acknowledgements, "1"),
            RedisCommand("CLIENT", "ID"),
            RedisCommand([
                "CLIENT", "TRACKING", "on", "BCAST", "PREFIX", .text(Keyspace.recordPrefix),
            ]),
            RedisCommand("SUBSCRIBE", .text("\(Invalidation.channel)")),
        ]
    }

    private static func command(
        _ name: RedisCommand.Argument,
        _ key: [UInt8],
        _ rest: RedisCommand.Argument...
    ) -> RedisCommand {
        RedisCommand([name, .bytes(key)] + rest)
    }
}
