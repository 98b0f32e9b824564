/// What a connection listens to: changes of keys, and channels.
///
/// Such a connection takes no commands but PING.
public struct Subscription: Sendable {
    /// The channel on which Redis tells of changed keys.
    static let invalidationChannel = "__redis__:invalidate"

    let trackedPrefix: String
    let channels: [String]

    /// Listens to the changes of all keys with a prefix, and to channels.
    public init(trackedPrefix: String, channels: [String]) {
        self.trackedPrefix = trackedPrefix
        self.channels = [Self.invalidationChannel] + channels
    }
}

/// What came to a connection that listens.
///
/// Plain members, and no enum with payloads: see ``RedisLink/Event``.
public struct PushedMessage: Equatable, Sendable {
    /// What it is.
    public enum Kind: UInt8, Sendable {
        /// Keys were changed or removed.
        case invalidated
        /// Any key may have been changed: the database was emptied, or somebody else than Redis
        /// speaks on its channel.
        case invalidatedAll
        /// A message on another channel.
        case message
        /// Something on another channel that is no message of a text.
        case unreadable
    }

    /// What it is.
    public let kind: Kind
    /// The names of the keys that were changed.
    public let keys: [ArraySlice<UInt8>]
    /// The channel of a message.
    public let channel: String
    /// The text of a message.
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

    /// Keys with these names were changed or removed.
    public static func invalidated(_ keys: [ArraySlice<UInt8>]) -> PushedMessage {
        PushedMessage(.invalidated, keys: keys)
    }

    /// Any key may have been changed.
    public static var invalidatedAll: PushedMessage { PushedMessage(.invalidatedAll) }

    /// A message on another channel.
    public static func message(channel: String, text: ArraySlice<UInt8>) -> PushedMessage {
        PushedMessage(.message, channel: channel, text: text)
    }

    /// Something on another channel that is no message of a text.
    public static var unreadable: PushedMessage { PushedMessage(.unreadable) }

    /// Takes a reply that was pushed; `nil` where it answers a command.
    init?(_ reply: RedisReply) {
        guard case .array(let elements) = reply, elements.count == 3,
            case .bulk(let kind) = elements[0], kind.spells("message"),
            case .bulk(let channel) = elements[1]
        else { return nil }
        if channel.elementsEqual(Subscription.invalidationChannel.utf8) {
            self = Self.keys(elements[2]).map(Self.invalidated) ?? .invalidatedAll
        } else if case .bulk(let text) = elements[2] {
            self = .message(channel: String(decoding: channel, as: UTF8.self), text: text)
        } else {
            self = .unreadable
        }
    }

    private static func keys(_ reply: RedisReply) -> [ArraySlice<UInt8>]? {
        guard case .array(let elements) = reply else { return nil }
        var keys: [ArraySlice<UInt8>] = []
        keys.reserveCapacity(elements.count)
        for element in elements {
            guard case .bulk(let key) = element else { return nil }
            keys.append(key)
        }
        return keys
    }
}
