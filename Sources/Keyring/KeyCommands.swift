import KeyFormat
import RedisClient

/// What is said to the store about records.
public enum KeyCommands {
    private static let hmget = RedisCommand("HMGET")
    private static let allFields = fields(RecordField.allCases)
    private static let stampFields = fields(RecordStamp.fields)
    private static let readCapacity = 320

    /// Reads a record; its reply is for ``StoredRecord``.
    public static func read(_ locator: Locator) -> RedisCommand { read(allFields, of: locator) }

    /// Reads what tells whether a record has changed; its reply is for ``RecordStamp``.
    public static func readStamp(_ locator: Locator) -> RedisCommand {
        read(stampFields, of: locator)
    }

    private static func read(_ fields: RedisCommand, of locator: Locator) -> RedisCommand {
        var command = RedisCommand(capacity: readCapacity)
        command.append(contentsOf: hmget)
        command.append(Keyspace.record(locator))
        command.append(contentsOf: fields)
        return command
    }

    private static func fields(_ fields: [RecordField]) -> RedisCommand {
        var names = RedisCommand()
        for field in fields { names.append(field.name) }
        return names
    }

    /// Makes the next ``write(_:seal:audit:)`` on this connection fail if the record changes before
    /// it.
    public static func watch(_ locator: Locator) -> RedisCommand {
        var command = RedisCommand("WATCH")
        command.append(Keyspace.record(locator))
        return command
    }

    /// Writes a whole record, whose version is one above the stored one, in one transaction with
    /// its audit entry.
    ///
    /// The last reply is for ``WriteOutcome``.
    public static func write(_ record: KeyRecord, seal: RecordSeal, audit: AuditEntry)
        -> [RedisCommand]
    {
        let locator = record.organization.locator
        let key = Keyspace.record(locator)
        var raise = RedisCommand("HINCRBY")
        var set = RedisCommand("HSET")
        var delete = RedisCommand("HDEL")
        for argument in [key, Array(RecordField.version.name.utf8), Array("1".utf8)] {
            raise.append(argument)
        }
        set.append(key)
        delete.append(key)
        for (field, text) in zip(RecordField.sealed, record.sealedTexts) where field != .version {
            if let text {
                set.append(field.name)
                set.append(text)
            } else {
                delete.append(field.name)
            }
        }
        set.append(RecordField.mac.name)
        set.append(seal.mac(of: record))
        return [
            RedisCommand("MULTI"), raise, set, delete, audit.command(locator), RedisCommand("EXEC"),
        ]
    }
}

/// What became of ``KeyCommands/write(_:seal:audit:)``.
public enum WriteOutcome: Equatable, Sendable {
    case written
    /// Somebody else changed the record first; nothing was done.
    case overtaken
    /// Redis did nothing, and says why.
    case refused(RedisError)
    /// The reply is not that of a transaction, so it is not known what was done.
    case unknown

    /// Takes the reply to EXEC.
    public init(_ reply: RedisReply, version: UInt64) {
        switch reply {
        case .null: self = .overtaken
        case .error: self = reply.failure.map(WriteOutcome.refused) ?? .unknown
        case .array(let replies):
            let succeeded = replies.count == 4 && replies.allSatisfy { $0.failure == nil }
            self = succeeded && replies[0] == .integer(Int64(version)) ? .written : .unknown
        default: self = .unknown
        }
    }
}
