import RedisClient

/// A message to all workers. Its description is the payload, and identifies its acknowledgements.
public protocol BroadcastMessage: Sendable, CustomStringConvertible {}

/// The channel to which all workers subscribe, and the lists in which they acknowledge its messages.
public enum FleetChannel {
    /// The name of the channel.
    public static let name = "latchkey:barrier"

    /// Lifetime of a list of acknowledgements, in seconds.
    private static let expirySeconds = 60

    /// Publishes a message; the reply is the number of subscribers.
    public static func publish(_ message: some BroadcastMessage) -> RedisCommand {
        RedisCommand("PUBLISH", .text(name), .text(message.description))
    }

    /// Acknowledges a message on behalf of a worker.
    public static func acknowledge(_ message: some BroadcastMessage, by worker: Member.ID)
        -> [RedisCommand]
    {
        let key = RedisCommand.Argument.bytes(Keyspace.acknowledgements(message))
        return [
            RedisCommand("RPUSH", key, .text(worker.description)),
            RedisCommand("EXPIRE", key, .number(expirySeconds)),
        ]
    }

    /// Blocks until a worker acknowledges a message, or for that many milliseconds;
    /// ``acknowledgements(_:of:)`` parses the reply.
    public static func awaitAcknowledgement(
        of message: some BroadcastMessage,
        milliseconds: UInt64
    ) -> RedisCommand {
        let fraction = String(milliseconds % 1000)
        let zeros = String(repeating: "0", count: 3 - fraction.utf8.count)
        return RedisCommand(
            "BLPOP",
            .bytes(Keyspace.acknowledgements(message)),
            "\(milliseconds / 1000).\(zeros)\(fraction)"
        )
    }

    /// Pops the acknowledgements that have arrived; ``acknowledgements(_:of:)`` parses the reply.
    public static func popAcknowledgements(of message: some BroadcastMessage) -> RedisCommand {
        RedisCommand("LPOP", .bytes(Keyspace.acknowledgements(message)), "1000")
    }

    /// The workers in a reply; empty if none has acknowledged. BLPOP also returns the name of the list,
    /// which is skipped.
    public static func acknowledgements(_ reply: RedisReply, of message: some BroadcastMessage)
        -> [Member.ID]
    {
        guard case .array(let elements) = reply else { return [] }
        let key = Keyspace.acknowledgements(message)
        return elements.compactMap { element in
            guard case .bulk(let text) = element, !text.elementsEqual(key) else { return nil }
            return Member.ID(text)
        }
    }
}
