import Keyring
import RedisClient

/// What an owner may know about the key.
public struct KeyStatus: Sendable {
    /// When the active key last authenticated a request.
    public enum LastUse: Equatable, Sendable {
        case never
        case at(UnixTime)
        /// The store did not report it.
        case unknown
    }

    /// How far the store may be behind the workers.
    public enum LastUseDelay: Equatable, Sendable {
        /// All workers had just recorded the last use.
        case none
        /// The workers were not asked: they record a use within this many milliseconds.
        case milliseconds(UInt64)
        /// A worker did not answer: it may know a later use.
        case unknown

        static let unasked = milliseconds(UseCommands.recordedWithinMilliseconds)
    }

    /// The organization's record.
    public let record: KeyRecord

    /// When the active key last authenticated a request.
    public let lastUse: LastUse

    /// How far ``lastUse`` may be behind.
    public let lastUseDelay: LastUseDelay

    /// Whether the last use may be the previous key's, in its grace period: uses are recorded by
    /// organization.
    public let lastUseMayBePrevious: Bool

    /// Refused uses of earlier keys; `nil` if there are none.
    public let refusedUses: RefusedUses?

    /// Until when the previous key stays valid; `nil` if it does not.
    public let previousUntil: UnixTime?

    /// Since when rotation is due; `nil` if it is not.
    public let rotationDueSince: UnixTime?

    /// - Parameter use: The reply to ``UseCommands/read(_:)``. It covers all keys of the organization:
    ///   a use before the active key was made is not its own.
    init(
        _ record: KeyRecord,
        use: RedisReply,
        refusedUses: RefusedUses?,
        lastUseDelay: LastUseDelay,
        rotateAfterMilliseconds: UInt64?,
        now: UnixTime
    ) {
        self.record = record
        self.refusedUses = refusedUses
        self.lastUseDelay = lastUseDelay
        lastUse = LastUse(use, since: record.key?.createdAt)
        lastUseMayBePrevious =
            if case .at(let time) = lastUse, let previous = record.previous {
                time < previous.until
            } else { false }
        previousUntil = record.previous.flatMap { now < $0.until ? $0.until : nil }
        rotationDueSince = record.key.flatMap { key in
            rotateAfterMilliseconds.map { key.createdAt.advanced(byMilliseconds: $0) }
        }.flatMap { $0 <= now ? $0 : nil }
    }
}

extension KeyStatus.LastUse {
    fileprivate init(_ reply: RedisReply, since creation: UnixTime?) {
        if let time = UseCommands.lastUse(reply), let creation, creation <= time {
            self = .at(time)
        } else {
            self = reply.failure == nil ? .never : .unknown
        }
    }
}
