/// An owner's note on a command that it sends, given back with the reply.
public struct CommandTag: Equatable, Sendable {
    /// What the command is for: a number of the owner's choice.
    public let kind: UInt8

    /// Which one of its kind it is.
    public let number: UInt64

    /// When it was sent.
    public let sentAt: MonotonicTime

    /// A note; what the owner does not need is left out.
    public init(kind: UInt8 = 0, number: UInt64 = 0, sentAt: MonotonicTime = .origin) {
        self.kind = kind
        self.number = number
        self.sentAt = sentAt
    }
}
