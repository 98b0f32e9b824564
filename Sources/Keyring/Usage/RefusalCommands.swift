import KeyFormat
import RedisClient

/// Uses of an organization's earlier keys, which were refused.
public struct RefusedUses: Equatable, Sendable {
    /// How many there were.
    public private(set) var count: UInt64
    /// When the last one was.
    public private(set) var lastAt: UnixTime

    /// So many, the last one then.
    public init(count: UInt64, lastAt: UnixTime) {
        self.count = count
        self.lastAt = lastAt
    }

    /// Adds one that has just been.
    public mutating func add(at now: UnixTime) {
        count &+= 1
        lastAt = now
    }
}

/// What is said to the store about refused uses of earlier keys.
public enum RefusalCommands {
    /// Adds refused uses: two commands an organization. Repeating them would count twice.
    public static func record(_ refused: RefusedUses, of locator: Locator) -> [RedisCommand] {
        var count = RedisCommand("ZINCRBY")
        count.append(Keyspace.refused(locator))
        count.append(String(refused.count))
        count.append(locator.text)
        var raise = RedisCommand("ZADD")
        raise.append(Keyspace.refusedAt(locator))
        for text in [Array("GT".utf8), refused.lastAt.decimal, locator.text] { raise.append(text) }
        return [count, raise]
    }

    /// Asks for an organization's refused uses; the replies are for ``refusedUses(_:_:)``.
    public static func read(_ locator: Locator) -> [RedisCommand] {
        [Keyspace.refused(locator), Keyspace.refusedAt(locator)].map { key in
            var command = RedisCommand("ZSCORE")
            command.append(key)
            command.append(locator.text)
            return command
        }
    }

    /// What the replies to ``read(_:)`` say; `nil` where there were none, or none that can be
    /// believed.
    public static func refusedUses(_ count: RedisReply, _ lastAt: RedisReply) -> RefusedUses? {
        guard case .bulk(let text) = count, let count = DecimalNumber.value(of: text), count > 0,
            let lastAt = UseCommands.lastUse(lastAt)
        else { return nil }
        return RefusedUses(count: count, lastAt: lastAt)
    }
}
