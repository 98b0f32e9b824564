import KeyFormat
import RedisClient

/// A command that reads fields of a record.
///
/// It is encoded once; for each record only the locator is overwritten, in place if the previous
/// command has been released.
public struct RecordQuery: Sendable {
    /// Reads a whole record; ``StoredRecord`` parses the reply.
    public static let record = RecordQuery()

    private var command: RedisCommand
    private let locatorStart: Int

    private init() {
        let anyRecord = RedisCommand.Argument.bytes(Keyspace.record(.nobody))
        command = RedisCommand(["HMGET", anyRecord] + RecordField.allCases.map { .name($0) })
        locatorStart = command.arguments[1].startIndex + Keyspace.locatorStart
    }

    /// The command for the record of an organization.
    public mutating func command(_ locator: Locator) -> RedisCommand {
        locator.withDigits { command.overwrite(from: locatorStart, with: $0) }
        return command
    }
}
