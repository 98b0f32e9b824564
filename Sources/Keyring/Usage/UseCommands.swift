import KeyFormat
import RedisClient

/// What is said to the store about last uses.
public enum UseCommands {
    /// Asks for the last use of an organization's keys; its reply is for ``lastUse(_:)``.
    public static func read(_ locator: Locator) -> RedisCommand {
        var command = RedisCommand("ZSCORE")
        command.append(Keyspace.used(locator))
        command.append(locator.text)
        return command
    }

    /// The moment in a reply to ``read(_:)``; `nil` where there is none, or none that can be
    /// believed.
    public static func lastUse(_ reply: RedisReply) -> UnixTime? {
        guard case .bulk(let text) = reply else { return nil }
        return UnixTime(decimal: text)
    }

    /// Raises last uses: one command a shard. Repeating one does no harm.
    public static func record(_ uses: some Collection<(key: Locator, value: UnixTime)>)
        -> [RedisCommand]
    {
        // A shard is a digit of base62: there is a place for each ASCII character.
        var commands = [RedisCommand?](repeating: nil, count: 128)
        for (locator, time) in uses {
            let shard = Int(Keyspace.shard(of: locator) & 127)
            if commands[shard] == nil { commands[shard] = raise(UInt8(shard)) }
            commands[shard]?.append(time.decimal)
            locator.withDigits { commands[shard]?.append($0) }
        }
        return commands.compactMap { $0 }
    }

    private static func raise(_ shard: UInt8) -> RedisCommand {
        var command = RedisCommand("ZADD")
        command.append(Keyspace.used(shard: shard))
        command.append("GT")
        return command
    }
}

extension Locator {
    /// The digits, as an argument of a command.
    var text: [UInt8] {
        var text: [UInt8] = []
        append(to: &text)
        return text
    }
}
