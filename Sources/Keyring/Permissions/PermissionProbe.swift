import KeyFormat
import RedisClient

/// Commands that tell by their replies what a user of the store may do, and change nothing.
public enum PermissionProbe {
    /// An organization that nobody has.
    private static let locator = Organization("latchkey-doctor")!.locator
    private static let barrierID = BarrierID(String(repeating: "0", count: 32).utf8)!

    /// What the executable reads.
    public static var adminReads: [RedisCommand] {
        [
            RedisCommand("PING"), KeyCommands.watch(locator), KeyCommands.read(locator),
            MembershipCommands.watch(), MembershipCommands.read(), UseCommands.read(locator),
        ] + RefusalCommands.read(locator) + SuspectMembers.read()
            + AuditLine.read(locator, since: UnixTime(milliseconds: 0))
            + [
                RecordScan().next ?? RedisCommand("SCAN", "0"),
                FleetChannel.popAcknowledgments(of: barrierID),
            ]
    }

    /// What it writes, in a transaction that Redis gives up: a command in it has no arguments.
    public static var adminChanges: [RedisCommand] {
        [RedisCommand("MULTI")] + changes
            + [
                FleetChannel.publish(barrierID),
                FleetChannel.awaitAcknowledgment(of: barrierID, milliseconds: 1),
                RedisCommand("HMGET"),
                RedisCommand("EXEC"),
            ]
    }

    /// Whether Redis' default user may do what is written to the append-only file.
    public static var loading: [RedisCommand] {
        changes.map { change in
            var dryRun = RedisCommand("ACL", "DRYRUN", "default")
            for argument in change.arguments { dryRun.append(argument) }
            return dryRun
        }
    }

    private static var changes: [RedisCommand] {
        let record = Keyspace.record(locator)
        return [
            command("HINCRBY", record, "version", "1"), command("HSET", record, "a", "b"),
            command("HDEL", record, "a"), command("HDEL", Keyspace.gateways, "a"),
            command("HSET", Keyspace.suspectMembers, "a", "b"),
            command("XADD", Keyspace.audit(locator), "*", "a", "b"),
            command("XADD", Keyspace.attempts(locator), "*", "a", "b"),
            command("ZADD", Keyspace.used(locator), "GT", "1", "a"),
        ]
    }

    /// What a gateway does. Numbers and fields are wrong on purpose.
    public static var gateway: [RedisCommand] {
        [
            RedisCommand("PING"), KeyCommands.read(locator),
            command("HSET", Keyspace.gateways, "a", "b", "c"),
            command("HDEL", Keyspace.gateways, "latchkey-doctor"),
            command("ZADD", Keyspace.used(locator), "GT", "no", "a"),
            command("ZINCRBY", Keyspace.refused(locator), "no", "a"),
            command("ZADD", Keyspace.refusedAt(locator), "GT", "no", "a"),
            command("RPUSH", Keyspace.acknowledgments(barrierID), "latchkey-doctor"),
            command("EXPIRE", Keyspace.acknowledgments(barrierID), "1"),
            RedisCommand("CLIENT", "ID"),
            RedisCommand("CLIENT", "TRACKING", "on", "BCAST", "PREFIX", Keyspace.recordPrefix),
            RedisCommand("SUBSCRIBE", "__redis__:invalidate"),
            RedisCommand("SUBSCRIBE", FleetChannel.name),
        ]
    }

    private static func command(_ name: String, _ key: [UInt8], _ rest: String...) -> RedisCommand {
        var command = RedisCommand(name)
        command.append(key)
        for text in rest { command.append(text) }
        return command
    }
}
