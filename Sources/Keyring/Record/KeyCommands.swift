import KeyFormat
import RedisClient

/// What is said to the store about records.
public enum KeyCommands {
    /// Reads a record; its reply is for ``StoredRecord``.
    public static func read(_ locator: Locator) -> RedisCommand {
        var query = RecordQuery.record
        return query.command(locator)
    }

    /// Makes the next ``write(_:seal:audit:)`` on this connection fail if the record changes before
    /// it.
    public static func watch(_ locator: Locator) -> RedisCommand { watch([locator]) }

    /// The same for many records.
    public static func watch(_ locators: [Locator]) -> RedisCommand {
        var command = RedisCommand("WATCH")
        for locator in locators { command.append(Keyspace.record(locator)) }
        return command
    }

    /// Writes a whole record, whose version is one above the stored one, in one transaction with
    /// its audit entry.
    ///
    /// The last reply is for ``WriteOutcome``.
    ///
    /// - Parameter setsVersion: Whether the version is written as it is, since nothing can be proven
    ///   of the stored one.
    public static func write(
        _ record: KeyRecord,
        seal: RecordSeal,
        audit: AuditEntry,
        setsVersion: Bool = false
    ) -> [RedisCommand] {
        let locator = record.organization.locator
        return [RedisCommand("MULTI")]
            + changes(record, seal: seal, setsVersion: setsVersion)
            + [audit.command(locator), RedisCommand("EXEC")]
    }

    /// Ends the key of a record of which nothing can be proven and that cannot be sealed: what is
    /// left of it lets nobody in. In one transaction with its audit entry; the last reply is for
    /// ``WriteOutcome``.
    public static func end(_ locator: Locator, at now: UnixTime, audit: AuditEntry)
        -> [RedisCommand]
    {
        let key = Keyspace.record(locator)
        var raise = RedisCommand("HINCRBY")
        var set = RedisCommand("HSET")
        var delete = RedisCommand("HDEL")
        for argument in [key, Array(RecordField.version.name.utf8), Array("1".utf8)] {
            raise.append(argument)
        }
        let state = [RecordField.state.name, KeyRecord.State.revoked.rawValue]
        for argument in [key] + (state + [RecordField.revokedAt.name]).map({ Array($0.utf8) }) {
            set.append(argument)
        }
        set.append(now.decimal)
        delete.append(key)
        for field in RecordField.allCases where !field.staysWithoutKey { delete.append(field.name) }
        return [
            RedisCommand("MULTI"), raise, set, delete, audit.command(locator), RedisCommand("EXEC"),
        ]
    }

    /// What a transaction says to write a whole record.
    static func changes(_ record: KeyRecord, seal: RecordSeal, setsVersion: Bool)
        -> [RedisCommand]
    {
        let key = Keyspace.record(record.organization.locator)
        var raise = RedisCommand(setsVersion ? "HSET" : "HINCRBY")
        var set = RedisCommand("HSET")
        var delete = RedisCommand("HDEL")
        let number = setsVersion ? String(record.version) : "1"
        for argument in [key, Array(RecordField.version.name.utf8), Array(number.utf8)] {
            raise.append(argument)
        }
        set.append(key)
        delete.append(key)
        for (field, text) in written(record, seal: seal) where field != .version {
            if let text {
                set.append(field.name)
                set.append(text)
            } else {
                delete.append(field.name)
            }
        }
        return [raise, set, delete]
    }

    /// The fields, first those that strict gateways ask for with each check: Redis looks through a
    /// small hash in the order in which it was written.
    private static func written(_ record: KeyRecord, seal: RecordSeal)
        -> [(field: RecordField, text: [UInt8]?)]
    {
        let texts =
            Array(zip(RecordField.sealed, record.sealedTexts)) + [(.mac, seal.mac(of: record))]
        return texts.filter { RecordStamp.fields.contains($0.0) }
            + texts.filter { !RecordStamp.fields.contains($0.0) }
    }
}

/// What became of ``KeyCommands/write(_:seal:audit:)``.
public enum WriteOutcome: Equatable, Sendable {
    case written
    /// The record was written, and its audit entry was not, for this reason.
    case unaudited(RedisError)
    /// Somebody else changed the record first; nothing was done.
    case overtaken
    /// Redis did nothing, and says why.
    case refused(RedisError)
    /// The reply is not that of a transaction, so it is not known what was done.
    case unknown

    /// Takes the reply to EXEC.
    ///
    /// - Parameter version: What the version was raised to; `nil` where it was written as it is.
    public init(_ reply: RedisReply, version: UInt64?) {
        switch reply {
        case .null: self = .overtaken
        case .error: self = reply.failure.map(WriteOutcome.refused) ?? .unknown
        case .array(let replies):
            let succeeded = replies.count == 4 && replies.prefix(3).allSatisfy { $0.failure == nil }
            let isRaised = version.map { replies.first == .integer(Int64($0)) } ?? true
            guard succeeded, isRaised else {
                self = .unknown
                return
            }
            self = replies[3].failure.map(WriteOutcome.unaudited) ?? .written
        default: self = .unknown
        }
    }
}
