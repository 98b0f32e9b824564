import KeyFormat
import RedisClient

/// Commands whose replies show what a user of Redis may do. None of them changes anything.
public enum PermissionProbe {
    /// The locator of an organization that does not exist.
    private static let locator = Organization("latchkey-doctor")!.locator
    private static let barrierID = BarrierID(String(repeating: "0", count: 32).utf8)!

    /// The commands with which the executable reads.
    public static var adminReads: [RedisCommand] {
        [
            RedisCommand("PING"), KeyCommands.watch(locator), KeyCommands.read(locator),
            MembershipCommands.watch(), MembershipCommands.read(), UseCommands.read(locator),
        ] + RefusalCommands.read(locator) + SuspectMembers.read()
            + AuditLine.read(locator)
            + [
                RecordScan().next ?? RedisCommand("SCAN", "0"),
                FleetChannel.popAcknowledgements(of: barrierID),
            ]
    }

    /// The commands with which the executable writes, in a transaction that Redis discards because one of
    /// its commands lacks arguments.
    public static var adminChanges: [RedisCommand] {
        [RedisCommand("MULTI")] + changes
            + [
                FleetChannel.publish(barrierID),
                FleetChannel.awaitAcknowledgement(of: barrierID, milliseconds: 1),
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
            command("HSET", Keyspace.suspectMembers, "a", "b"),
            command("RPUSH", Keyspace.audit(locator), "a"),
            command("LTRIM", Keyspace.audit(locator), "0", "1"),
            command("RPUSH", Keyspace.attempts(locator), "a"),
            command("LTRIM", Keyspace.attempts(locator), "0", "1"),
            command("ZADD", Keyspace.used(locator), "GT", "1", "a"),
        ]
    }

    /// The commands of a worker. Their arguments are invalid on purpose, so that they have no effect.
    public static var gateway: [RedisCommand] {
        [
            RedisCommand("PING"), KeyCommands.read(locator),
            command("HSET", Keyspace.gateways, "a", "b", "c"),
            command("HDEL", Keyspace.gateways, "latchkey-doctor"),
            command("ZADD", Keyspace.used(locator), "GT", "no", "a"),
            command("ZINCRBY", Keyspace.refused(locator), "no", "a"),
            command("ZADD", Keyspace.refusedAt(locator), "GT", "no", "a"),
            command("RPUSH", Keyspace.acknowledgements(barrierID), "latchkey-doctor"),
            command("EXPIRE", Keyspace.acknowledgements(barrierID), "1"),
            RedisCommand("CLIENT", "ID"),
            RedisCommand([
                "CLIENT", "TRACKING", "on", "BCAST", "PREFIX", .text(Keyspace.recordPrefix),
            ]),
            RedisCommand("SUBSCRIBE", "__redis__:invalidate"),
            RedisCommand("SUBSCRIBE", .text(FleetChannel.name)),
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
