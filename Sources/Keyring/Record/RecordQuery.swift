import KeyFormat
import RedisClient

/// Reads fields of a record.
///
/// The command is written once, and the locator put into it for each record: in place, where the
/// command before has been let go.
public struct RecordQuery: Sendable {
    /// Reads a whole record; the reply is for ``StoredRecord``.
    public static let record = RecordQuery(RecordField.allCases)

    /// Reads what tells whether a record has changed; the reply is for ``RecordStamp``.
    public static let stamp = RecordQuery(RecordStamp.fields)

    private var command: RedisCommand
    private let locatorStart: Int

    private init(_ fields: [RecordField]) {
        command = RedisCommand("HMGET")
        command.append(Keyspace.record(Locator(organization: [])))
        for field in fields { command.append(field.name) }
        locatorStart = command.arguments[1].startIndex + Keyspace.locatorStart
    }

    /// The command for a record.
    public mutating func command(_ locator: Locator) -> RedisCommand {
        locator.withDigits { command.overwrite(from: locatorStart, with: $0) }
        return command
    }
}
