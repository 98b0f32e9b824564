import KeyFormat
import Keyring
import RedisClient

/// Reads the records in the store, and changes one unless another client changes it first.
struct RecordStore {
    private static let attemptsMax = 16

    let channel: any StoreChannel
    let clock: any BlockingClock
    let seal: RecordSeal

    init(_ channel: any StoreChannel, clock: any BlockingClock, seal: RecordSeal) {
        self.channel = channel
        self.clock = clock
        self.seal = seal
    }

    /// Sends commands that may be repeated. If an idle connection turns out to be lost, they are sent
    /// again on a new one.
    ///
    /// - Throws: An error if there are no replies. Errors that Redis replies are returned.
    func read(_ commands: [RedisCommand]) throws(AdministrationError) -> [RedisReply] {
        let wasIdle = channel.isReady
        do throws(StoreConnection.Fault) {
            return try channel.execute(commands)
        } catch {
            guard wasIdle, case .interrupted = error else { throw AdministrationError(error) }
            channel.renew()
            return try translatingStoreFault(try channel.execute(commands))
        }
    }

    /// The record in the reply to ``KeyCommands/read(_:)``; `nil` if there is none.
    ///
    /// - Throws: An error if the record cannot be read or proven.
    func record(
        _ reply: RedisReply,
        _ organization: Organization
    ) throws(AdministrationError) -> KeyRecord? {
        try translating(try StoredRecord(reply).present(at: organization.locator, seal: seal)) {
            (fault: RecordFault) in
            AdministrationError(fault, "the record of \(organization)")
        }
    }

    /// Writes the successor of a record, computed again whenever another client was faster.
    ///
    /// If the connection is lost before the store has replied, the stored record shows whether the
    /// change was made. If it was not, it is tried once more: that also touches the record that the lost
    /// transaction watches, so that it cannot be carried out later.
    ///
    /// - Parameters:
    ///   - unproven: Returns the successor of a record that cannot be proven. Without it such a record
    ///     is refused.
    ///   - successor: Receives the stored record; returns `nil` if nothing has to be done.
    /// - Returns: What was written; `nil` if nothing was.
    /// - Throws: An error if nothing was written, or if it is uncertain whether the record was.
    func change(
        _ organization: Organization,
        _ audit: AuditEntry,
        unproven: ((Organization, StoredRecord) -> KeyRecord)? = nil,
        _ successor: (KeyRecord?) throws(AdministrationError) -> KeyRecord?
    ) throws(AdministrationError) -> RecordChange? {
        var uncertain: (before: KeyRecord?, record: KeyRecord)?
        for _ in 0..<Self.attemptsMax {
            let (stored, claim) = try watch(organization, uncertain?.record, unproven != nil)
            if let uncertain, stored == uncertain.record {
                return change(from: uncertain.before, to: uncertain.record)
            }
            let next: KeyRecord? =
                if let claim, let unproven {
                    unproven(organization, claim)
                } else {
                    try successor(stored)
                }
            guard let next else { return nil }
            switch try write(next, audit, setsVersion: claim != nil) {
            case .written(let auditFault):
                return change(from: stored, to: next, auditFault: auditFault)
            case .conflict: break
            case .unknown(let reason):
                guard uncertain == nil else { throw Self.unconfirmed(organization, reason) }
                uncertain = (stored, next)
                channel.renew()
            }
        }
        let reason = "other commands keep changing the record of \(organization)"
        guard uncertain == nil else { throw Self.unconfirmed(organization, reason) }
        throw AdministrationError(.store, "\(reason); nothing was done: try again")
    }

    /// Must be called as soon as the store's reply has arrived: the wait for workers counts from here.
    private func change(
        from before: KeyRecord?,
        to record: KeyRecord,
        auditFault: RedisError? = nil
    ) -> RecordChange {
        RecordChange(
            before: before,
            record: record,
            repliedAt: clock.monotonic,
            auditFault: auditFault
        )
    }
}

// MARK: - Transactions

extension RecordStore {
    /// The end of a transaction.
    enum Commit {
        /// The reply to EXEC.
        case reply(RedisReply)
        /// The connection was lost: it is uncertain whether the transaction was carried out.
        case lost(String)
    }

    /// Sends MULTI alone: if it were refused, the commands behind it would be carried out one by one.
    ///
    /// - Throws: An error if the connection is lost, or MULTI is refused.
    func beginTransaction() throws(AdministrationError) {
        let replies = try translatingStoreFault(
            try channel.execute([RedisCommand("MULTI")], onSameConnection: true)
        )
        if let error = replies[0].failure { throw AdministrationError(error) }
    }

    /// Sends the commands of a transaction, EXEC last.
    ///
    /// - Throws: An error if a command is refused; then nothing is carried out.
    func commit(_ commands: [RedisCommand]) throws(AdministrationError) -> Commit {
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try channel.execute(commands, onSameConnection: true)
        } catch {
            guard case .interrupted(let reason) = error else { throw AdministrationError(error) }
            return .lost(reason)
        }
        // EXEC only says that something was refused; the command's own reply says what.
        if let error = replies.dropLast().lazy.compactMap(\.failure).first {
            throw AdministrationError(error)
        }
        return .reply(replies.last ?? .null)
    }
}

// MARK: - One attempt

extension RecordStore {
    private enum Attempt {
        case written(auditFault: RedisError?)
        /// Another client changed the record first.
        case conflict
        /// It may or may not have been written.
        case unknown(String)
    }

    /// The stored record: proven, or only claimed.
    private typealias Watched = (record: KeyRecord?, claim: StoredRecord?)

    /// Watches and reads a record that is about to be written.
    ///
    /// - Parameters:
    ///   - uncertain: What an earlier attempt may have written.
    ///   - mayLackProof: Whether a record that cannot be proven is accepted.
    private func watch(
        _ organization: Organization,
        _ uncertain: KeyRecord?,
        _ mayLackProof: Bool
    ) throws(AdministrationError) -> Watched {
        guard let uncertain else { return try watch(organization, mayLackProof) }
        let watched = try translating(try watch(organization, mayLackProof)) {
            (error: AdministrationError) in
            Self.unconfirmed(organization, error.message)
        }
        if let stored = watched.record, stored.version > uncertain.version, stored != uncertain {
            throw Self.unconfirmed(organization, "the record has been changed again since")
        }
        return watched
    }

    private func watch(_ organization: Organization, _ mayLackProof: Bool)
        throws(AdministrationError) -> Watched
    {
        let locator = organization.locator
        let replies = try read([KeyCommands.watch(locator), KeyCommands.read(locator)])
        // Unwatched, two simultaneous changes would leave a record whose seal does not hold.
        if let error = replies[0].failure { throw AdministrationError(error) }
        do throws(AdministrationError) {
            return (try record(replies[1], organization), nil)
        } catch {
            guard mayLackProof, error.kind == .data, let claim = try? StoredRecord(replies[1])
            else { throw error }
            return (nil, claim)
        }
    }

    private func write(
        _ record: KeyRecord,
        _ audit: AuditEntry,
        setsVersion: Bool
    ) throws(AdministrationError) -> Attempt {
        let commands = KeyCommands.write(
            record,
            seal: seal,
            audit: audit,
            setsVersion: setsVersion
        )
        try beginTransaction()
        let reply: RedisReply
        switch try commit(Array(commands.dropFirst())) {
        case .reply(let last): reply = last
        case .lost(let reason): return .unknown(reason)
        }
        switch WriteOutcome(reply, version: setsVersion ? nil : record.version) {
        case .written: return .written(auditFault: nil)
        case .unaudited(let error): return .written(auditFault: error)
        case .conflict: return .conflict
        case .refused(let error): throw AdministrationError(error)
        case .unknown: return .unknown("the store did not confirm the whole change")
        }
    }

    private static func unconfirmed(_ organization: Organization, _ reason: String)
        -> AdministrationError
    {
        AdministrationError(
            .unconfirmed,
            "it is uncertain whether the record of \(organization) was changed: \(reason); "
                + "see \"latchkey status \(organization)\" when the store is back"
        )
    }
}

extension StoredRecord {
    /// The record, proven; `nil` if there is none.
    func present(at locator: Locator, seal: RecordSeal) throws(RecordFault) -> KeyRecord? {
        isAbsent ? nil : try record(at: locator, seal: seal)
    }
}
