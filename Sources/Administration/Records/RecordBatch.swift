import Keyring
import RedisClient

/// Changes many records in one transaction, or none of them if another client changed one first; then
/// it starts again from the read.
struct RecordBatch {
    /// Most records in one transaction.
    static let countMax = 250

    private static let attemptsMax = 16

    /// What became of one record.
    enum Outcome {
        case changed(RecordChange)
        /// Nothing had to be done.
        case unchanged
        case refused(AdministrationError)

        fileprivate func including(_ auditFaults: [Organization: RedisError]) -> Outcome {
            guard case .changed(var change) = self else { return self }
            change.auditFault = auditFaults[change.record.organization]
            return .changed(change)
        }
    }

    /// How one record is changed.
    struct Step {
        let organization: Organization
        let audit: AuditEntry

        /// Receives the stored record; returns its successor, or `nil` if nothing has to be done.
        let successor: (KeyRecord?) throws(AdministrationError) -> KeyRecord?
    }

    private let store: RecordStore

    /// Whether versions are written as the successors have them, instead of being incremented.
    private let setsVersion: Bool

    init(_ store: RecordStore, setsVersion: Bool = false) {
        self.store = store
        self.setsVersion = setsVersion
    }

    /// Applies at most ``countMax`` steps, each to a different organization.
    ///
    /// - Throws: An error if nothing was written, or if it is uncertain whether the batch was.
    func change(_ steps: [Step]) throws(AdministrationError) -> [Outcome] {
        var uncertain: [Organization: RecordChange] = [:]
        var wasUncertain = false
        for _ in 0..<Self.attemptsMax {
            let plans = try plans(steps, uncertain, wasUncertain)
            let changes = plans.compactMap { $0.change }
            switch try write(changes, steps) {
            case .written(let auditFaults):
                return plans.map { $0.outcome.including(auditFaults) }
            case .conflict: uncertain = [:]
            case .unknown(let reason):
                guard !wasUncertain else { throw Self.unconfirmed(reason) }
                wasUncertain = true
                uncertain = Dictionary(
                    uniqueKeysWithValues: changes.map { ($0.record.organization, $0) }
                )
                store.channel.renew()
            }
        }
        throw AdministrationError(
            .store,
            "other commands keep changing the same records: try again"
        )
    }

    private static func unconfirmed(_ reason: String) -> AdministrationError {
        AdministrationError(
            .unconfirmed,
            "it is uncertain whether the last \(countMax) records were changed: \(reason)"
        )
    }
}

// MARK: - One attempt

extension RecordBatch {
    /// What becomes of a record once the transaction is carried out.
    private struct Plan {
        let outcome: Outcome

        /// What has to be written for it.
        let change: RecordChange?
    }

    private enum Attempt {
        /// Some of the changes may be missing from their audits.
        case written(auditFaults: [Organization: RedisError])
        case conflict
        case unknown(String)
    }

    /// Watches and reads the records, so that the transaction fails if one of them changes.
    private func plans(
        _ steps: [Step],
        _ uncertain: [Organization: RecordChange],
        _ wasUncertain: Bool
    ) throws(AdministrationError) -> [Plan] {
        let locators = steps.map(\.organization.locator)
        let commands = [KeyCommands.watch(locators)] + locators.map { KeyCommands.read($0) }
        let replies = try translating(try store.read(commands)) { (error: AdministrationError) in
            wasUncertain ? Self.unconfirmed(error.message) : error
        }
        if let error = replies[0].failure { throw AdministrationError(error) }
        return zip(steps, replies.dropFirst()).map { step, reply in
            plan(step, reply, uncertain[step.organization])
        }
    }

    private func plan(_ step: Step, _ reply: RedisReply, _ uncertain: RecordChange?) -> Plan {
        do throws(AdministrationError) {
            let stored = try store.record(reply, step.organization)
            if let uncertain, stored == uncertain.record {
                return Plan(outcome: .changed(uncertain), change: nil)
            }
            guard let next = try step.successor(stored) else {
                return Plan(outcome: .unchanged, change: nil)
            }
            let change = RecordChange(
                before: stored,
                record: next,
                repliedAt: store.clock.monotonic
            )
            return Plan(outcome: .changed(change), change: change)
        } catch {
            return Plan(outcome: .refused(error), change: nil)
        }
    }

    private func write(_ changes: [RecordChange], _ steps: [Step]) throws(AdministrationError)
        -> Attempt
    {
        guard !changes.isEmpty else {
            // An empty transaction ends the watch: thousands of watched records are slow.
            _ = try store.read([RedisCommand("MULTI"), RedisCommand("EXEC")])
            return .written(auditFaults: [:])
        }
        let audits = Dictionary(uniqueKeysWithValues: steps.map { ($0.organization, $0.audit) })
        try store.beginTransaction()
        var commands = changes.flatMap { change in
            KeyCommands.write(
                change.record,
                seal: store.seal,
                audit: audits[change.record.organization]!,
                setsVersion: setsVersion
            ).dropFirst().dropLast()
        }
        commands.append(RedisCommand("EXEC"))
        switch try store.commit(commands) {
        case .reply(let reply): return try attempt(reply, changes)
        case .lost(let reason): return .unknown(reason)
        }
    }

    private func attempt(_ reply: RedisReply, _ changes: [RecordChange])
        throws(AdministrationError) -> Attempt
    {
        guard case .array(let replies) = reply, replies.count == changes.count * 5 else {
            if reply == .null { return .conflict }
            if let error = reply.failure { throw AdministrationError(error) }
            return .unknown("the store sent an unexpected reply")
        }
        var auditFaults: [Organization: RedisError] = [:]
        for (index, change) in changes.enumerated() {
            let part = Array(replies[index * 5..<index * 5 + 5])
            let version = setsVersion ? nil : change.record.version
            switch WriteOutcome(.array(part), version: version) {
            case .written: break
            case .unaudited(let error): auditFaults[change.record.organization] = error
            case .conflict, .refused, .unknown:
                return .unknown("the store did not confirm the whole change")
            }
        }
        return .written(auditFaults: auditFaults)
    }
}
