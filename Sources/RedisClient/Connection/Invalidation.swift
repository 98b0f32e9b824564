/// What Redis sends on its own to a link with invalidations.
///
/// A struct rather than an enum with payloads, for the reason given at ``RedisLink/Event``.
public struct Invalidation: Equatable, Sendable {
    /// What may have changed.
    public enum Scope: UInt8, Sendable {
        /// The keys in ``Invalidation/keys`` were changed or removed.
        case keys
        /// Any key may have changed: the database was flushed, or the message was too long.
        case all
        /// None: a client published on the channel of invalidations.
        case none
    }

    /// The channel on which Redis sends invalidations.
    package static let channel: StaticString = "__redis__:invalidate"

    /// What may have changed.
    public let scope: Scope
    /// The names of the invalidated keys.
    public let keys: [ArraySlice<UInt8>]

    private init(_ scope: Scope, _ keys: [ArraySlice<UInt8>] = []) {
        self.scope = scope
        self.keys = keys
    }

    /// An invalidation of these keys.
    static func keys(_ keys: [ArraySlice<UInt8>]) -> Invalidation { Invalidation(.keys, keys) }

    /// An invalidation of every key.
    static var all: Invalidation { Invalidation(.all) }

    /// A message that says nothing.
    static var none: Invalidation { Invalidation(.none) }

    /// Parses a reply that nobody asked for; `nil` if it answers a command.
    init?(_ reply: RedisReply) {
        if reply.isTooLong {
            self = .all
            return
        }
        guard case .array(let elements) = reply, elements.count == 3,
            case .bulk(let kind) = elements[0], kind.spells("message"),
            case .bulk(let channel) = elements[1]
        else { return nil }
        self = channel.spells(Self.channel) ? Self.invalidation(elements[2]) : .none
    }

    /// Redis itself sends names of keys, or null for all of them; what clients publish is a string.
    private static func invalidation(_ payload: RedisReply) -> Invalidation {
        if case .null = payload { return .all }
        guard case .array(let elements) = payload else { return .none }
        var keys: [ArraySlice<UInt8>] = []
        keys.reserveCapacity(elements.count)
        for element in elements {
            guard case .bulk(let key) = element else { return .all }
            keys.append(key)
        }
        return .keys(keys)
    }
}
