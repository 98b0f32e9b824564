import KeyFormat
import RedisClient

/// A record that is written as a whole, with its audit entry.
public struct RecordWrite: Sendable {
    static let recordCommandCount = 3
    static let commandCount = 5

    /// The commands, for a transaction.
    public let commands: [RedisCommand]

    /// The expected reply to the first one; `nil` if the version is set instead of incremented.
    let version: UInt64?

    /// - Parameters:
    ///   - record: Its version must be one above the stored one.
    ///   - seal: `nil` leaves the record without a seal, so it must not have a key.
    ///   - setsVersion: Writes the version instead of incrementing it, because the stored one
    ///     cannot be authenticated.
    public init(
        _ record: KeyRecord,
        seal: RecordSeal?,
        audit: AuditEntry,
        setsVersion: Bool = false
    ) {
        let locator = record.organization.locator
        let key = RedisCommand.Argument.bytes(Keyspace.record(locator))
        let versionCommand =
            setsVersion
            ? RedisCommand("HSET", key, .name(.version), .number(record.version))
            : RedisCommand("HINCRBY", key, .name(.version), "1")
        var set = RedisCommand("HSET", key)
        var delete = RedisCommand("HDEL", key)
        let texts = Array(zip(RecordField.sealed, record.sealedTexts))
        for (field, text) in texts + [(.mac, seal?.mac(of: record))] where field != .version {
            if let text {
                set.append(.name(field))
                set.append(text)
            } else {
                delete.append(.name(field))
            }
        }
        commands = [versionCommand, set, delete] + audit.commands(locator)
        version = setsVersion ? nil : record.version
    }
}

/// A transaction that writes records, and then sends a signal. MULTI goes before it, alone: if it were
/// refused, the commands after it would be carried out one by one.
public struct RecordTransaction: Sendable {
    private let writes: [RecordWrite]
    private let signal: [RedisCommand]

    /// - Parameter signal: The signal after the last record; `nil` for none.
    public init(_ writes: [RecordWrite], signal: Signal?) {
        self.writes = writes
        self.signal = signal?.commands ?? []
    }

    /// The commands of the transaction, and EXEC.
    public var commands: [RedisCommand] {
        writes.flatMap(\.commands) + signal + [RedisCommand("EXEC")]
    }

    /// What became of the transaction.
    public enum Outcome: Equatable, Sendable {
        /// All records are written, apart from these faults.
        case written(Faults)
        /// Another client changed a record first; nothing was written.
        case conflict
        /// Redis refused the transaction; nothing was written.
        case refused(RedisError)
        /// Redis refused the signal, and so nothing was written.
        case signalRefused
        /// The keys belong to another server of the cluster, or are being moved, and so nothing was written.
        ///
        /// - Parameter ofSignal: Whether only the signal was turned away.
        case misplaced(RedisError, ofSignal: Bool)
        /// It is unknown, for this reason, what was written.
        case unknown(String)
    }

    /// What Redis refused beside the records.
    public struct Faults: Equatable, Sendable {
        /// Why a record's change is not in its audit, for each record; `nil` if it is.
        public let audits: [RedisError?]
        /// Why the signal was not sent; `nil` if it was.
        public let signal: RedisError?
    }

    /// Parses the replies to ``commands``.
    public func outcome(_ replies: [RedisReply]) -> Outcome {
        let signalStart = writes.count * RecordWrite.commandCount
        // EXEC only says that something was refused; the command's own reply says what.
        for (index, reply) in replies.dropLast().enumerated() {
            guard let error = reply.failure else { continue }
            if error.isMisplacement { return .misplaced(error, ofSignal: signalStart <= index) }
            return index < signalStart ? .refused(error) : .signalRefused
        }
        guard let last = replies.last else { return Self.unexpected }
        if let error = last.failure {
            return error.isMisplacement ? .misplaced(error, ofSignal: false) : .refused(error)
        }
        switch last {
        case .null: return .conflict
        case .array(let results) where results.count == signalStart + signal.count:
            return outcome(results[..<signalStart], signal: results[signalStart...])
        default: return Self.unexpected
        }
    }

    /// - Parameter results: The replies to all commands of the records.
    private func outcome(_ results: ArraySlice<RedisReply>, signal: ArraySlice<RedisReply>)
        -> Outcome
    {
        var audits: [RedisError?] = []
        var faults: [RedisError] = []
        var rest = results
        for write in writes {
            let record = rest.prefix(RecordWrite.recordCommandCount)
            faults += record.compactMap(\.failure)
            if let version = write.version, record.first?.failure == nil,
                record.first != .integer(Int64(version))
            {
                return .unknown("the record has an unexpected version")
            }
            let audit = rest.prefix(RecordWrite.commandCount).dropFirst(record.count)
            audits.append(audit.firstFailure)
            rest = rest.dropFirst(RecordWrite.commandCount)
        }
        if let fault = faults.first {
            let isWhole = faults.count == writes.count * RecordWrite.recordCommandCount
            return isWhole ? .refused(fault) : .unknown(fault.message)
        }
        let signalFault = signal.firstFailure
        return .written(Faults(audits: audits, signal: signalFault))
    }

    private static let unexpected = Outcome.unknown("the store sent an unexpected reply")
}

extension RedisError {
    /// Whether a server of a cluster turned a command away: it holds the key no longer or not yet, or nobody does.
    public var isMisplacement: Bool {
        isTemporaryInCluster || code == "MOVED" || code == "ASK"
    }

    /// Whether Redis refused a command because its memory is full.
    public var isOutOfMemory: Bool { code == "OOM" || message.contains(" OOM ") }
}
