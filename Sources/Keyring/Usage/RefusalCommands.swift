import KeyFormat
import RedisClient

/// Refused uses of the former keys of an organization.
public struct RefusedUses: Equatable, Sendable {
    /// Number of refused uses.
    public private(set) var count: UInt64
    /// When the last one happened.
    public private(set) var lastAt: UnixTime

    /// A number of refused uses, and the time of the last one.
    public init(count: UInt64, lastAt: UnixTime) {
        self.count = count
        self.lastAt = lastAt
    }

    /// Counts a refused use.
    public mutating func add(at now: UnixTime) {
        count &+= 1
        lastAt = now
    }
}

/// Commands on refused uses of former keys.
public enum RefusalCommands {
    /// Adds refused uses, with two commands per organization. They must not be repeated: uses would count
    /// twice.
    public static func record(_ refused: RefusedUses, of locator: Locator) -> [RedisCommand] {
        let member = RedisCommand.Argument.bytes(locator.ascii)
        return [
            RedisCommand([
                "ZINCRBY", .bytes(Keyspace.refused(locator)), .number(refused.count), member,
            ]),
            RedisCommand([
                "ZADD", .bytes(Keyspace.refusedAt(locator)), "GT", .bytes(refused.lastAt.decimal),
                member,
            ]),
        ]
    }

    /// Reads the refused uses of an organization; ``refusedUses(_:_:)`` parses the replies.
    public static func read(_ locator: Locator) -> [RedisCommand] {
        [Keyspace.refused(locator), Keyspace.refusedAt(locator)].map { key in
            RedisCommand("ZSCORE", .bytes(key), .bytes(locator.ascii))
        }
    }

    /// Parses the replies to ``read(_:)``; `nil` if there were no refused uses, or the replies are not
    /// valid.
    public static func refusedUses(_ count: RedisReply, _ lastAt: RedisReply) -> RefusedUses? {
        guard case .bulk(let text) = count, let count = DecimalNumber.value(of: text), count > 0,
            let lastAt = UseCommands.lastUse(lastAt)
        else { return nil }
        return RefusedUses(count: count, lastAt: lastAt)
    }
}
