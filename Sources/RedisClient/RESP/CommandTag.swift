/// What the owner of a link attaches to a command, and gets back with the reply.
public struct CommandTag: Equatable, Sendable {
    /// What the command is for; the owner assigns the meaning.
    public let kind: UInt8

    /// Tells commands of the same kind apart.
    public let number: UInt64

    /// When the command was sent.
    public let sentAt: MonotonicTime

    /// A tag; parts that the owner does not use may be omitted.
    public init(kind: UInt8 = 0, number: UInt64 = 0, sentAt: MonotonicTime = .origin) {
        self.kind = kind
        self.number = number
        self.sentAt = sentAt
    }
}
