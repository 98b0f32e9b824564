import RedisClient

/// Counts the flushes of a store, in windows of time: each costs every worker a message.
public enum FlushBudget {
    private static let key = RedisCommand.Argument.bytes(Keyspace.flushes)

    /// Counts a flush, in one transaction: no window ends within it. ``number(_:)`` parses the last reply.
    public static func count(windowMilliseconds: UInt64) -> [RedisCommand] {
        [
            RedisCommand("MULTI"),
            RedisCommand("SET", key, "0", "PX", .number(windowMilliseconds), "NX"),
            RedisCommand("INCR", key),
            RedisCommand("EXEC"),
        ]
    }

    /// The number of the flush in its window; `nil` if the store does not count.
    public static func number(_ reply: RedisReply?) -> Int64? {
        guard case .array(let replies) = reply, replies.count == 2, replies[0].failure == nil,
            case .integer(let number) = replies[1]
        else { return nil }
        return number
    }
}
