import KeyFormat
import Keyring
import RedisClient

/// The records in the store: reads them, and changes one unless somebody else is faster.
final class RecordStore {
    /// How often a change is tried again because somebody else was faster.
    private static let attemptsMax = 16

    private let channel: any StoreChannel
    private let clock: any BlockingClock
    private let seal: RecordSeal

    init(_ channel: any StoreChannel, clock: any BlockingClock, seal: RecordSeal) {
        self.channel = channel
        self.clock = clock
        self.seal = seal
    }

    /// Sends commands that may be repeated. Where a connection that had been idle turns out to be
    /// lost, they go out once more on a new one.
    func read(_ commands: [RedisCommand]) throws(AdministrationError) -> [RedisReply] {
        let wasIdle = channel.isReady
        do throws(StoreConnection.Fault) {
            do throws(StoreConnection.Fault) {
                return try channel.execute(commands)
            } catch {
                guard wasIdle, case .interrupted = error else { throw error }
                channel.renew()
                return try channel.execute(commands)
            }
        } catch {
            throw AdministrationError(error)
        }
    }

    /// The record in the reply to ``KeyCommands/read(_:)``, proven; `nil` where there is none.
    func record(
        _ reply: RedisReply,
        _ organization: Organization
    ) throws(AdministrationError) -> KeyRecord? {
        do throws(RecordFault) {
            let stored = try StoredRecord(reply)
            return stored.isAbsent ? nil : try stored.record(at: organization.locator, seal: seal)
        } catch {
            throw AdministrationError(error, "the record of \(organization)")
        }
    }

    /// Writes the successor of a record, worked out anew whenever somebody else was faster.
    ///
    /// Where the connection is lost before the store has answered, what is stored tells whether the
    /// change was made. If not, it is tried once more: that also touches the record that the lost
    /// transaction watches, so that it cannot be carried out later on.
    ///
    /// - Parameters:
    ///   - unproven: Gets a record of which nothing can be proven, where that may be written over;
    ///     all other changes refuse it.
    ///   - successor: Gets what is stored; returns `nil` where nothing is to be done.
    /// - Returns: What was written; `nil` where nothing was.
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
            case .overtaken: break
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

    /// To be called as soon as the store's reply has arrived.
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

// MARK: - One attempt

extension RecordStore {
    private enum Attempt {
        case written(auditFault: RedisError?)
        /// Somebody else was faster.
        case overtaken
        /// It may or may not have been written.
        case unknown(String)
    }

    /// What is stored: a record that is proven, or one that nothing can be proven of.
    private typealias Watched = (record: KeyRecord?, claim: StoredRecord?)

    /// Reads a record that is about to be written.
    ///
    /// - Parameters:
    ///   - doubtful: What an earlier attempt may have written.
    ///   - mayLackProof: Whether a record will do of which nothing can be proven.
    private func watch(
        _ organization: Organization,
        _ uncertain: KeyRecord?,
        _ mayLackProof: Bool
    ) throws(AdministrationError) -> Watched {
        guard let uncertain else { return try watch(organization, mayLackProof) }
        do throws(AdministrationError) {
            let watched = try watch(organization, mayLackProof)
            if let stored = watched.record, stored.version > uncertain.version, stored != uncertain
            {
                throw AdministrationError(.data, "the record has been changed again since")
            }
            return watched
        } catch {
            throw Self.unconfirmed(organization, error.message)
        }
    }

    private func watch(_ organization: Organization, _ mayLackProof: Bool)
        throws(AdministrationError) -> Watched
    {
        let locator = organization.locator
        let replies = try read([KeyCommands.watch(locator), KeyCommands.read(locator)])
        // Unwatched, two changes at a time would leave a record that nobody believes.
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
        // MULTI goes alone: were it refused, what is behind it would be carried out one by one.
        if let error = try transact(commands.prefix(1))[0].failure {
            throw AdministrationError(error)
        }
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try channel.execute(Array(commands.dropFirst()), onSameConnection: true)
        } catch {
            guard case .interrupted(let reason) = error else { throw AdministrationError(error) }
            return .unknown(reason)
        }
        // EXEC only says that something was refused, the command itself says what.
        if let error = replies.dropLast().lazy.compactMap(\.failure).first {
            throw AdministrationError(error)
        }
        switch WriteOutcome(replies.last ?? .null, version: setsVersion ? nil : record.version) {
        case .written: return .written(auditFault: nil)
        case .unaudited(let error): return .written(auditFault: error)
        case .conflict: return .overtaken
        case .refused(let error): throw AdministrationError(error)
        case .unknown: return .unknown("the store did not confirm the whole change")
        }
    }

    private func transact(_ commands: some Collection<RedisCommand>) throws(AdministrationError)
        -> [RedisReply]
    {
        do throws(StoreConnection.Fault) {
            return try channel.execute(Array(commands), onSameConnection: true)
        } catch {
            throw AdministrationError(error)
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
