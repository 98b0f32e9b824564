import KeyFormat
import RedisClient

/// Commands that neither program needs, and that change nothing whoever is let do them: rights of
/// which they are examples go too far.
public enum ExcessPermissionProbe {
    /// Nobody's.
    private static let key = "latchkey-doctor"
    private static let record = Keyspace.record(Organization("latchkey-doctor")!.locator)

    /// What neither needs, and what each of it is called.
    private static let both = [
        (RedisCommand("GET", key), "read what is not Latchkey's"),
        (RedisCommand("DEL", key), "delete"),
        (RedisCommand("CONFIG", "GET", key), "see and set Redis' configuration"),
        (RedisCommand("ACL", "WHOAMI"), "manage users"),
        (RedisCommand("LASTSAVE"), "do what administrators of Redis do"),
        (RedisCommand("EVAL", "return 1", "0"), "run scripts"),
    ]

    /// What the executable does not need.
    public static var admin: [(command: RedisCommand, words: String)] { both }

    /// What a gateway does not need.
    public static var gateway: [(command: RedisCommand, words: String)] {
        // One argument is missing: the command is let through or not, and then fails.
        var change = RedisCommand("HSET")
        for argument in [record, Array("a".utf8), Array("b".utf8), Array("c".utf8)] {
            change.append(argument)
        }
        var expire = RedisCommand("EXPIRE")
        expire.append(Keyspace.gateways)
        expire.append("never")
        return both + [
            (change, "change records"), (expire, "delete last uses and the list of gateways"),
            (RedisCommand("SCAN", "0"), "list all keys"),
        ]
    }
}
