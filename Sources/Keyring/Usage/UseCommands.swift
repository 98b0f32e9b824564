import KeyFormat
import RedisClient

/// Commands on last uses.
public enum UseCommands {
    /// Within how many milliseconds a worker records a use unasked, as long as fewer than 40,000
    /// organizations are active.
    public static let recordedWithinMilliseconds: UInt64 = 4000

    /// Reads the last use of the keys of an organization; ``lastUse(_:)`` parses the reply.
    public static func read(_ locator: Locator) -> RedisCommand {
        RedisCommand("ZSCORE", .bytes(Keyspace.used(locator)), .bytes(locator.ascii))
    }

    /// Parses the reply to ``read(_:)``; `nil` if there was no use, or the reply is not valid.
    public static func lastUse(_ reply: RedisReply) -> UnixTime? {
        guard case .bulk(let text) = reply else { return nil }
        return UnixTime(decimal: text)
    }

    /// Records last uses, with one command per shard. A later use already stored is kept, so commands may
    /// be repeated.
    public static func record(_ uses: some Collection<(key: Locator, value: UnixTime)>)
        -> [(shard: UInt8, command: RedisCommand)]
    {
        // A shard is a base62 digit, so an index by ASCII code suffices.
        var commands = [RedisCommand?](repeating: nil, count: 128)
        for (locator, time) in uses {
            let shard = Int(Keyspace.shard(of: locator) & 127)
            if commands[shard] == nil { commands[shard] = addIfLater(shard: UInt8(shard)) }
            commands[shard]?.append(time.decimal)
            locator.withDigits { commands[shard]?.append($0) }
        }
        return commands.enumerated().compactMap { shard, command in
            command.map { (UInt8(shard), $0) }
        }
    }

    private static func addIfLater(shard: UInt8) -> RedisCommand {
        RedisCommand("ZADD", .bytes(Keyspace.used(shard: shard)), "GT")
    }
}
