import KeyFormat
import RedisClient

/// Commands that neither program needs. If Redis allows one of them, a user has excess permissions.
/// None of them changes anything.
public enum ExcessPermissionProbe {
    /// A key that does not exist.
    private static let key: RedisCommand.Argument = "latchkey-doctor"
    private static let record = Keyspace.record(Organization("latchkey-doctor")!.locator)

    /// Commands that the executable does not need, and the permission that each stands for.
    public static let admin: [(command: RedisCommand, permission: String)] = [
        (RedisCommand("GET", key), "read data that is not Latchkey's"),
        (RedisCommand("DEL", key), "delete data"),
        (RedisCommand("CONFIG", "GET", key), "read and change the configuration of Redis"),
        (RedisCommand("ACL", "WHOAMI"), "manage users"),
        (RedisCommand("LASTSAVE"), "run administrative commands"),
        (RedisCommand("EVAL", "return 1", "0"), "run scripts"),
    ]

    /// Commands that neither program needs at a sentinel, and the permission that each stands for. There is no
    /// primary of that name.
    public static var sentinel: [(command: RedisCommand, permission: String)] {
        [
            (RedisCommand("SENTINEL", "FAILOVER", key), "order failovers"),
            (RedisCommand("SENTINEL", "REMOVE", key), "make it forget a primary"),
            (RedisCommand("SENTINEL", "MASTERS"), "list all primaries"),
            (RedisCommand("ACL", "WHOAMI"), "manage users"),
        ]
    }

    /// A command that neither program needs in a cluster.
    public static var cluster: [(command: RedisCommand, permission: String)] {
        [(RedisCommand("CLUSTER", "FORGET", key), "change the cluster")]
    }

    /// Commands that a worker does not need, and the permission that each stands for.
    public static var gateway: [(command: RedisCommand, permission: String)] {
        admin + [
            // An argument is missing: even if it is allowed, the command fails.
            (RedisCommand("HSET", .bytes(record), "a", "b", "c"), "change records"),
            (
                RedisCommand("EXPIRE", .bytes(Keyspace.gateways), "never"),
                "delete last uses and the membership list"
            ),
            (RedisCommand("SCAN", "0"), "list all Redis keys"),
        ]
    }
}
