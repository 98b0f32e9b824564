import KeyFormat
import RedisClient

/// Commands on records.
public enum KeyCommands {
    /// Reads a record; ``StoredRecord`` parses the reply.
    public static func read(_ locator: Locator) -> RedisCommand {
        var query = RecordQuery.record
        return query.command(locator)
    }

    /// Makes the next ``write(_:seal:audit:setsVersion:)`` on this connection fail if the record changes
    /// before it.
    public static func watch(_ locator: Locator) -> RedisCommand { watch([locator]) }

    /// Watches several records with one command.
    public static func watch(_ locators: [Locator]) -> RedisCommand {
        RedisCommand(["WATCH"] + locators.map { .bytes(Keyspace.record($0)) })
    }

    /// Writes a whole record and its audit entry in one transaction; ``WriteOutcome`` parses the last
    /// reply. The version must be one above the stored one.
    ///
    /// - Parameter setsVersion: Writes the version instead of incrementing it, because the stored one
    ///   cannot be authenticated.
    public static func write(
        _ record: KeyRecord,
        seal: RecordSeal,
        audit: AuditEntry,
        setsVersion: Bool = false
    ) -> [RedisCommand] {
        let locator = record.organization.locator
        return [RedisCommand("MULTI")]
            + changes(record, seal: seal, setsVersion: setsVersion)
            + audit.commands(locator) + [RedisCommand("EXEC")]
    }

    /// Revokes the key of a record that can be neither authenticated nor sealed, in one transaction with
    /// its audit entry; ``WriteOutcome`` parses the last reply. No seal is left, so nothing in the record
    /// can admit a request.
    public static func revokeUnsealed(_ locator: Locator, at now: UnixTime, audit: AuditEntry)
        -> [RedisCommand]
    {
        let key = RedisCommand.Argument.bytes(Keyspace.record(locator))
        let keyFields = RecordField.allCases.filter { !$0.staysWithoutKey }
        return [
            RedisCommand("MULTI"),
            RedisCommand("HINCRBY", key, .name(.version), "1"),
            RedisCommand([
                "HSET", key, .name(.state), .text(KeyRecord.State.revoked.rawValue),
                .name(.revokedAt), .bytes(now.decimal),
            ]),
            RedisCommand(["HDEL", key] + keyFields.map { .name($0) }),
        ] + audit.commands(locator) + [RedisCommand("EXEC")]
    }

    /// The commands of a transaction that write a whole record.
    static func changes(_ record: KeyRecord, seal: RecordSeal, setsVersion: Bool)
        -> [RedisCommand]
    {
        let key = RedisCommand.Argument.bytes(Keyspace.record(record.organization.locator))
        let version =
            setsVersion
            ? RedisCommand("HSET", key, .name(.version), .number(record.version))
            : RedisCommand("HINCRBY", key, .name(.version), "1")
        var set = RedisCommand("HSET", key)
        var delete = RedisCommand("HDEL", key)
        for (field, text) in written(record, seal: seal) where field != .version {
            if let text {
                set.append(.name(field))
                set.append(text)
            } else {
                delete.append(.name(field))
            }
        }
        return [version, set, delete]
    }

    /// All fields, beginning with those that a strict worker reads at each check: Redis searches a small
    /// hash in the order in which its fields were written.
    private static func written(_ record: KeyRecord, seal: RecordSeal)
        -> [(field: RecordField, text: [UInt8]?)]
    {
        let texts =
            Array(zip(RecordField.sealed, record.sealedTexts)) + [(.mac, seal.mac(of: record))]
        return texts.filter { RecordStamp.fields.contains($0.0) }
            + texts.filter { !RecordStamp.fields.contains($0.0) }
    }
}

/// The outcome of ``KeyCommands/write(_:seal:audit:setsVersion:)``.
public enum WriteOutcome: Equatable, Sendable {
    case written
    /// The record was written, but Redis refused the audit entry.
    case unaudited(RedisError)
    /// Another client changed the record first; nothing was written.
    case conflict
    /// Redis refused the transaction; nothing was written.
    case refused(RedisError)
    /// The reply is not that of a transaction, so it is unknown what was written.
    case unknown

    /// Parses the reply to EXEC.
    ///
    /// - Parameter version: The expected version after its increment; `nil` if it was set instead.
    public init(_ reply: RedisReply, version: UInt64?) {
        switch reply {
        case .null: self = .conflict
        case .error: self = reply.failure.map(WriteOutcome.refused) ?? .unknown
        case .array(let replies):
            let succeeded = replies.count == 5 && replies.prefix(3).allSatisfy { $0.failure == nil }
            let hasVersion = version.map { replies.first == .integer(Int64($0)) } ?? true
            guard succeeded, hasVersion else {
                self = .unknown
                return
            }
            self = replies[3...].compactMap(\.failure).first.map(WriteOutcome.unaudited) ?? .written
        default: self = .unknown
        }
    }
}

extension RedisCommand.Argument {
    /// The name of a field of a record.
    static func name(_ field: RecordField) -> RedisCommand.Argument { .text(field.name) }
}
