import RedisClient

/// A word for all workers; its text is what goes out, and names its confirmations.
public protocol BroadcastMessage: Sendable, CustomStringConvertible {}

/// The channel on which all workers hear, and how they confirm what they heard.
public enum FleetChannel {
    /// Its name.
    public static let name = "latchkey:barrier"

    /// How long confirmations are kept, in seconds.
    private static let secondsKept = "60"

    /// Sends a word; the reply is how many it goes to.
    public static func publish(_ word: some BroadcastMessage) -> RedisCommand {
        RedisCommand("PUBLISH", name, word.description)
    }

    /// A worker's confirmation.
    public static func acknowledge(_ word: some BroadcastMessage, by worker: Member.ID)
        -> [RedisCommand]
    {
        let key = Keyspace.acknowledgments(word)
        var confirm = RedisCommand("RPUSH")
        confirm.append(key)
        confirm.append(worker.description)
        var expire = RedisCommand("EXPIRE")
        expire.append(key)
        expire.append(secondsKept)
        return [confirm, expire]
    }

    /// Waits for a confirmation; its reply is for ``acknowledgments(_:of:)``.
    public static func awaitAcknowledgment(of word: some BroadcastMessage, milliseconds: UInt64)
        -> RedisCommand
    {
        var command = RedisCommand("BLPOP")
        command.append(Keyspace.acknowledgments(word))
        let fraction = String(milliseconds % 1000)
        let zeros = String(repeating: "0", count: 3 - fraction.utf8.count)
        command.append("\(milliseconds / 1000).\(zeros)\(fraction)")
        return command
    }

    /// Takes confirmations that are there; its reply is for ``acknowledgments(_:of:)``.
    public static func popAcknowledgments(of word: some BroadcastMessage) -> RedisCommand {
        var command = RedisCommand("LPOP")
        command.append(Keyspace.acknowledgments(word))
        command.append("1000")
        return command
    }

    /// The workers that a reply names: none where nothing has come. Beside them it may name the list
    /// that they stand in.
    public static func acknowledgments(_ reply: RedisReply, of word: some BroadcastMessage)
        -> [Member.ID]
    {
        guard case .array(let elements) = reply else { return [] }
        let key = Keyspace.acknowledgments(word)
        return elements.compactMap { element in
            guard case .bulk(let text) = element, !text.elementsEqual(key) else { return nil }
            return Member.ID(text)
        }
    }
}
