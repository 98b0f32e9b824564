import Keyring

/// What an owner may know of the key.
public struct KeyStatus: Sendable {
    /// The organization's record.
    public let record: KeyRecord

    /// When the active key last let a request in; `nil` for never.
    public let lastUse: UnixTime?

    /// Since when a new key is due; `nil` where none is.
    public let rotationDueSince: UnixTime?

    /// - Parameter use: When any of the organization's keys was last used: one before the active
    ///   key was made is not its own.
    init(_ record: KeyRecord, use: UnixTime?, rotateAfterMilliseconds: UInt64?, now: UnixTime) {
        self.record = record
        lastUse = record.key.flatMap { key in use.flatMap { $0 < key.createdAt ? nil : $0 } }
        rotationDueSince = record.key.flatMap { key in
            rotateAfterMilliseconds.map { key.createdAt.advanced(byMilliseconds: $0) }
        }.flatMap { $0 <= now ? $0 : nil }
    }
}
