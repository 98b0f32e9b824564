import RedisClient

/// Commands of a worker on the membership list.
public enum MembershipCommands {
    static let key = RedisCommand.Argument.bytes(Keyspace.gateways)

    /// Where a cluster holds the list.
    public static let slot = Slot(ofKey: Keyspace.gateways)

    /// Registers a worker, in one transaction; ``JoinReply`` parses the last reply. Where there is no list,
    /// one of a new generation begins.
    ///
    /// - Parameter old: The token of the registration that this one replaces.
    public static func join(_ member: Member, replacing old: Member.Token? = nil) -> [RedisCommand]
    {
        [
            RedisCommand("MULTI"),
            RedisCommand("HSET", key, .text(member.id.description), .text(member.text)),
            add(member.token.number - (old?.number ?? 0)),
            begin(.init(member)),
            RedisCommand("EXEC"),
        ]
    }

    /// Ends a membership, in one transaction. The worker must not accept cached keys afterwards.
    public static func leave(_ member: Member) -> [RedisCommand] {
        [
            RedisCommand("MULTI"), RedisCommand("HDEL", key, .text(member.id.description)),
            add(-member.token.number), RedisCommand("EXEC"),
        ]
    }

    /// Reads the entry of a worker; ``EntryReply`` parses the reply.
    public static func readEntry(_ id: Member.ID) -> RedisCommand {
        RedisCommand("HGET", key, .text(id.description))
    }

    /// Gives the list a generation where it has none.
    static func begin(_ generation: Membership.Generation) -> RedisCommand {
        RedisCommand(
            "HSETNX",
            key,
            .text(Membership.generationField),
            .text(generation.description)
        )
    }

    /// Raises the checksum.
    static func add(_ difference: Int64) -> RedisCommand {
        RedisCommand("HINCRBY", key, .text(Membership.checksumField), .number(difference))
    }
}

/// The reply to the transaction of ``MembershipCommands/join(_:replacing:)``.
public enum JoinReply: Equatable, Sendable {
    case joined
    /// The worker may not be a member.
    case refused(RedisError?)

    /// Parses the reply.
    public init(_ reply: RedisReply) {
        guard case .array(let replies) = reply, replies.count == 3 else {
            self = .refused(reply.failure)
            return
        }
        let failure = replies.firstFailure
        self = failure.map { .refused($0) } ?? .joined
    }
}

/// The reply to ``MembershipCommands/readEntry(_:)``.
public enum EntryReply: Equatable, Sendable {
    /// The entry has stood since it was written, in the list that changes are confirmed by.
    case stands
    /// It is gone, or another one stands in its place.
    case gone
    /// The store does not report it.
    case refused(RedisError?)

    /// Parses the reply.
    ///
    /// - Parameter member: The entry as it was written.
    public init(_ reply: RedisReply, of member: Member) {
        switch reply {
        case .null: self = .gone
        case .bulk(let text): self = text.elementsEqual(member.text.utf8) ? .stands : .gone
        default: self = .refused(reply.failure)
        }
    }
}
