import RedisClient

/// Commands on the membership list.
public enum MembershipCommands {
    /// Joins or renews a membership; ``JoinReply`` parses the reply.
    public static func join(_ member: Member) -> RedisCommand {
        RedisCommand("HSET", key, .text(member.id.description), .text(member.text))
    }

    /// Ends a membership. The worker must not accept cached keys afterwards.
    public static func leave(_ id: Member.ID) -> RedisCommand {
        RedisCommand("HDEL", key, .text(id.description))
    }

    /// Reads the whole list atomically; ``Membership`` parses the reply.
    public static func read() -> RedisCommand { RedisCommand("HGETALL", key) }

    /// Makes the next transaction on this connection fail if the list changes before it.
    public static func watch() -> RedisCommand { RedisCommand("WATCH", key) }

    private static let key = RedisCommand.Argument.bytes(Keyspace.gateways)
}

/// The reply to ``MembershipCommands/join(_:)``.
public enum JoinReply: Equatable, Sendable {
    /// The worker was not a member. Changes that read the list before did not wait for it.
    case added
    /// The worker has been a member since its last renewal.
    case renewed
    /// The worker may not be a member.
    case refused(RedisError?)

    /// Parses the reply.
    public init(_ reply: RedisReply) {
        switch reply {
        case .integer(1): self = .added
        case .integer(0): self = .renewed
        default: self = .refused(reply.failure)
        }
    }
}

/// The membership list.
public struct Membership: Equatable, Sendable {
    /// The readable members, by host and process ID.
    public let members: [Member]

    /// The names of unreadable fields. How long their workers trust their caches is unknown.
    public let unreadable: [String]

    /// Parses the reply to ``MembershipCommands/read()``.
    ///
    /// - Throws: The error, if Redis did not send the list.
    public init(_ reply: RedisReply) throws(RedisError) {
        if let failure = reply.failure { throw failure }
        guard case .array(let elements) = reply, elements.count.isMultiple(of: 2) else {
            throw RedisError("ERR unexpected reply to the membership list")
        }
        var members: [Member] = []
        var unreadable: [String] = []
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard case .bulk(let field) = elements[index],
                case .bulk(let value) = elements[index + 1]
            else { throw RedisError("ERR unexpected reply to the membership list") }
            if let member = Member(field: field, value: value) {
                members.append(member)
            } else {
                unreadable.append(RedisError.printable(field))
            }
        }
        self.members = members.sorted {
            ($0.host, $0.processID, $0.id.description) < ($1.host, $1.processID, $1.id.description)
        }
        self.unreadable = unreadable.sorted()
    }
}
