import Keyring
import RedisClient

/// What an owner may know of the key.
public struct KeyStatus: Sendable {
    /// When the active key last let a request in.
    public enum LastUse: Equatable, Sendable {
        case never
        case at(UnixTime)
        /// The store did not say.
        case unknown
    }

    /// The organization's record.
    public let record: KeyRecord

    /// When the active key last let a request in.
    public let lastUse: LastUse

    /// Whether that may have been the key before, in its grace: uses are told by organization.
    public let lastUseMayBePrevious: Bool

    /// Uses of earlier keys, which were refused; `nil` where none are known.
    public let refusedUses: RefusedUses?

    /// Until when the key before goes on; `nil` where it does not.
    public let previousUntil: UnixTime?

    /// Since when a new key is due; `nil` where none is.
    public let rotationDueSince: UnixTime?

    /// - Parameters:
    ///   - use: The reply to ``UseCommands/read(_:)``, which is about all of the organization's
    ///     keys: a use before the active key was made is not its own.
    init(
        _ record: KeyRecord,
        use: RedisReply,
        refusedUses: RefusedUses?,
        rotateAfterMilliseconds: UInt64?,
        now: UnixTime
    ) {
        self.record = record
        self.refusedUses = refusedUses
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
