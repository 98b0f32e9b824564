import Keyring
import RedisClient

/// Changes many records in one transaction, or none of them where somebody else is faster; then
/// begins again from the read.
struct RecordBatch {
    /// Most records that are changed at once.
    static let countMax = 250

    /// How often a batch is tried again.
    private static let attemptsMax = 16

    /// What became of one of the records.
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

    /// What is to become of a record.
    struct Step {
        let organization: Organization
        let audit: AuditEntry
        /// Gets what is stored; returns `nil` where nothing is to be done.
        let successor: (KeyRecord?) throws(AdministrationError) -> KeyRecord?
    }

    private let store: RecordStore
    private let channel: any StoreChannel
    private let clock: any BlockingClock
    private let seal: RecordSeal

    /// Whether versions are written as the successors have them, and not raised.
    private let setsVersion: Bool

    init(
        _ store: RecordStore,
        channel: any StoreChannel,
        clock: any BlockingClock,
        seal: RecordSeal,
        setsVersion: Bool = false
    ) {
        self.store = store
        self.channel = channel
        self.clock = clock
        self.seal = seal
        self.setsVersion = setsVersion
    }

    /// Takes the steps, of which there are at most ``countMax``, each of another organization.
    func change(_ steps: [Step]) throws(AdministrationError) -> [Outcome] {
        var uncertain: [Organization: RecordChange] = [:]
        var wasUncertain = false
        for _ in 0..<Self.attemptsMax {
            let outcomes = try outcomes(steps, uncertain, wasUncertain)
            let changes = outcomes.compactMap { $0.change }
            switch try write(changes, steps) {
            case .written(let auditFaults):
                return outcomes.map { $0.outcome.including(auditFaults) }
            case .overtaken: uncertain = [:]
            case .unknown(let reason):
                guard !wasUncertain else { throw Self.unconfirmed(reason) }
                wasUncertain = true
                uncertain = Dictionary(
                    uniqueKeysWithValues: changes.map { ($0.record.organization, $0) }
                )
                channel.renew()
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
    /// What becomes of a record, once the transaction is through.
    private struct Plan {
        let outcome: Outcome
        /// What has to be written for it.
        let change: RecordChange?
    }

    private enum Attempt {
        /// Some of the changes may be missing in their audits.
        case written(auditFaults: [Organization: RedisError])
        case overtaken
        case unknown(String)
    }

    /// Reads the records and watches them, so that the transaction fails where one changes.
    private func outcomes(
        _ steps: [Step],
        _ uncertain: [Organization: RecordChange],
        _ wasUncertain: Bool
    ) throws(AdministrationError) -> [Plan] {
        let locators = steps.map(\.organization.locator)
        let replies: [RedisReply]
        do throws(AdministrationError) {
            replies = try store.read(
                [KeyCommands.watch(locators)] + locators.map { KeyCommands.read($0) }
            )
        } catch {
            guard wasUncertain else { throw error }
            throw Self.unconfirmed(error.message)
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
            let change = RecordChange(before: stored, record: next, repliedAt: clock.monotonic)
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
        // MULTI goes alone: were it refused, what is behind it would be carried out one by one.
        let begun: [RedisReply]
        do throws(StoreConnection.Fault) {
            begun = try channel.execute([RedisCommand("MULTI")], onSameConnection: true)
        } catch {
            throw AdministrationError(error)
        }
        if let error = begun[0].failure { throw AdministrationError(error) }
        var commands = changes.flatMap { change in
            KeyCommands.write(
                change.record,
                seal: seal,
                audit: audits[change.record.organization]!,
                setsVersion: setsVersion
            ).dropFirst().dropLast()
        }
        commands.append(RedisCommand("EXEC"))
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try channel.execute(commands, onSameConnection: true)
        } catch {
            guard case .interrupted(let reason) = error else { throw AdministrationError(error) }
            return .unknown(reason)
        }
        if let error = replies.dropLast().lazy.compactMap(\.failure).first {
            throw AdministrationError(error)
        }
        return try attempt(replies.last ?? .null, changes)
    }

    private func attempt(_ reply: RedisReply, _ changes: [RecordChange])
        throws(AdministrationError) -> Attempt
    {
        guard case .array(let replies) = reply, replies.count == changes.count * 4 else {
            if reply == .null { return .overtaken }
            if let error = reply.failure { throw AdministrationError(error) }
            return .unknown("the store sent an unexpected reply")
        }
        var auditFaults: [Organization: RedisError] = [:]
        for (index, change) in changes.enumerated() {
            let part = Array(replies[index * 4..<index * 4 + 4])
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
