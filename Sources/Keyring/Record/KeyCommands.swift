import KeyFormat
import RedisClient

/// Commands on records; ``RecordTransaction`` writes them.
public enum KeyCommands {
    /// Reads a record; ``StoredRecord`` parses the reply.
    public static func read(_ locator: Locator) -> RedisCommand {
        var query = RecordQuery.record
        return query.command(locator)
    }

    /// Makes the next transaction on this connection fail if the record changes before it.
    public static func watch(_ locator: Locator) -> RedisCommand { watch([locator]) }

    /// Watches several records with one command.
    public static func watch(_ locators: [Locator]) -> RedisCommand {
        RedisCommand(["WATCH"] + locators.map { .bytes(Keyspace.record($0)) })
    }

    /// Deletes the keys of a record and its seal, so that nothing in it can admit a request. Redis
    /// carries it out even if its memory is full, but only outside of a transaction.
    public static func deleteKeys(_ locator: Locator) -> RedisCommand {
        let fields = RecordField.allCases.filter { !$0.staysWithoutKey }
        return RedisCommand(
            ["HDEL", .bytes(Keyspace.record(locator))] + fields.map { .name($0) }
        )
    }
}

extension RedisCommand.Argument {
    /// The name of a field of a record.
    static func name(_ field: RecordField) -> RedisCommand.Argument { .text(field.name) }
}
