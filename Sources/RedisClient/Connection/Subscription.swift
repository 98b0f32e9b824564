/// What Redis sends to a link on its own: invalidations of keys, and messages on channels.
///
/// In version 2 of the protocol such a connection accepts no command but PING.
public struct Subscription: Sendable {
    /// The channel on which Redis sends invalidations.
    static let invalidationChannel: StaticString = "__redis__:invalidate"

    let trackedPrefix: String
    let channels: [String]

    /// Subscribes to invalidations of all keys with a prefix, and to channels.
    public init(trackedPrefix: String, channels: [String]) {
        self.trackedPrefix = trackedPrefix
        self.channels = ["\(Self.invalidationChannel)"] + channels
    }
}

/// An invalidation, or a message on a channel.
///
/// A struct rather than an enum with payloads, for the reason given at ``RedisLink/Event``.
public struct PushedMessage: Equatable, Sendable {
    /// Tells invalidations and messages apart.
    public enum Kind: UInt8, Sendable {
        /// The keys in ``PushedMessage/keys`` were changed or removed.
        case invalidated
        /// Any key may have changed: the database was flushed, or the message was too long.
        case invalidatedAll
        /// A message on one of the subscribed channels.
        case message
        /// Neither: a client published on the invalidation channel, or a message is not a string.
        case unreadable
    }

    /// An invalidation or a message.
    public let kind: Kind
    /// The names of the invalidated keys.
    public let keys: [ArraySlice<UInt8>]
    /// The channel of a message; empty for invalidations.
    public let channel: String
    /// The payload of a message; empty for invalidations.
    public let text: ArraySlice<UInt8>

    private init(
        _ kind: Kind,
        keys: [ArraySlice<UInt8>] = [],
        channel: String = "",
        text: ArraySlice<UInt8> = []
    ) {
        self.kind = kind
        self.keys = keys
        self.channel = channel
        self.text = text
    }

    /// An invalidation of these keys.
    public static func invalidated(_ keys: [ArraySlice<UInt8>]) -> PushedMessage {
        PushedMessage(.invalidated, keys: keys)
    }

    /// An invalidation of every key.
    public static var invalidatedAll: PushedMessage { PushedMessage(.invalidatedAll) }

    /// A message on a subscribed channel.
    public static func message(channel: String, text: ArraySlice<UInt8>) -> PushedMessage {
        PushedMessage(.message, channel: channel, text: text)
    }

    /// A message that says nothing.
    public static var unreadable: PushedMessage { PushedMessage(.unreadable) }

    /// Parses a pushed reply; `nil` if the reply answers a command.
    init?(_ reply: RedisReply) {
        if reply.isTooLong {
            self = .invalidatedAll
            return
        }
        guard case .array(let elements) = reply, elements.count == 3,
            case .bulk(let kind) = elements[0], kind.spells("message"),
            case .bulk(let channel) = elements[1]
        else { return nil }
        if channel.spells(Subscription.invalidationChannel) {
            self = Self.invalidation(elements[2])
        } else if case .bulk(let text) = elements[2] {
            self = .message(channel: String(decoding: channel, as: UTF8.self), text: text)
        } else {
            self = .unreadable
        }
    }

    /// Redis itself sends names of keys, or null for all of them; what clients publish is a string.
    private static func invalidation(_ payload: RedisReply) -> PushedMessage {
        if case .null = payload { return .invalidatedAll }
        guard case .array(let elements) = payload else { return .unreadable }
        var keys: [ArraySlice<UInt8>] = []
        keys.reserveCapacity(elements.count)
        for element in elements {
            guard case .bulk(let key) = element else { return .invalidatedAll }
            keys.append(key)
        }
        return .invalidated(keys)
    }
}
