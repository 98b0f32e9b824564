import RedisClient

/// What is said to the store about the workers that live.
public enum MembershipCommands {
    /// Writes a worker's own entry; its reply is for ``JoinReply``.
    public static func join(_ entry: Member) -> RedisCommand {
        var command = RedisCommand("HSET")
        command.append(Keyspace.gateways)
        command.append(entry.id.description)
        command.append(entry.text)
        return command
    }

    /// Takes an entry out: its worker lets nobody in any more.
    public static func leave(_ id: Member.ID) -> RedisCommand {
        var command = RedisCommand("HDEL")
        command.append(Keyspace.gateways)
        command.append(id.description)
        return command
    }

    /// Reads all entries in one step; its reply is for ``Membership``.
    public static func read() -> RedisCommand {
        var command = RedisCommand("HGETALL")
        command.append(Keyspace.gateways)
        return command
    }

    /// Makes the next transaction on this connection fail if any entry is written before it.
    public static func watch() -> RedisCommand {
        var command = RedisCommand("WATCH")
        command.append(Keyspace.gateways)
        return command
    }
}

/// What the store says to ``MembershipCommands/join(_:)``.
public enum JoinReply: Equatable, Sendable {
    /// The entry was not there: nobody who read the entries before knew of this worker.
    case added
    /// The entry has been there since it was last written.
    case renewed
    /// The entry may not be there.
    case refused(RedisError?)

    /// Takes the reply.
    public init(_ reply: RedisReply) {
        switch reply {
        case .integer(1): self = .added
        case .integer(0): self = .renewed
        default: self = .refused(reply.failure)
        }
    }
}

/// The workers that have an entry.
public struct Membership: Equatable, Sendable {
    /// The entries that can be read, by host and process.
    public let entries: [Member]

    /// The names of fields that hold something else: nobody knows what their writers trust.
    public let unreadable: [String]

    /// Takes the reply to ``MembershipCommands/read()``.
    public init(_ reply: RedisReply) throws(RedisError) {
        if let failure = reply.failure { throw failure }
        guard case .array(let elements) = reply, elements.count.isMultiple(of: 2) else {
            throw RedisError("ERR the list of gateways was answered with something else")
        }
        var entries: [Member] = []
        var unreadable: [String] = []
        for index in stride(from: 0, to: elements.count, by: 2) {
            guard case .bulk(let field) = elements[index],
                case .bulk(let value) = elements[index + 1]
            else { throw RedisError("ERR the list of gateways was answered with something else") }
            if let entry = Member(field: field, value: value) {
                entries.append(entry)
            } else {
                unreadable.append(RedisError.printable(field))
            }
        }
        self.entries = entries.sorted {
            ($0.host, $0.processID, $0.id.description) < ($1.host, $1.processID, $1.id.description)
        }
        self.unreadable = unreadable.sorted()
    }
}
