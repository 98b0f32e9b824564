import Keyring
import RedisClient

/// Changes many records in one transaction, or none of them if another client changed one first; then
/// it starts again from the read. A cluster gets a transaction for each slot, because it takes no others.
struct RecordBatch {
    /// Most records in one transaction.
    static let countMax = 250

    private static let attemptsMax = 16

    /// What became of one record.
    enum Outcome {
        case changed(RecordChange)
        /// Nothing had to be done. An earlier command may have left what the record says unconfirmed.
        case unchanged(RecordChange?)
        case refused(AdministrationError)
        /// The batch ended at this record or before it, for this reason.
        case failed(AdministrationError)
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

    /// Whether workers will be waited for. The last record of a transaction is then followed by a signal,
    /// which says that they have dropped all of them.
    private let isAwaited: Bool

    init(_ store: RecordStore, setsVersion: Bool = false, isAwaited: Bool = false) {
        self.store = store
        self.setsVersion = setsVersion
        self.isAwaited = isAwaited
    }

    /// Applies at most ``countMax`` steps, each to a different organization.
    ///
    /// - Throws: An error if nothing was written, or if it is uncertain whether the batch was.
    func change(_ steps: [Step]) throws(AdministrationError) -> [Outcome] {
        guard store.channel.cluster != nil else { return try changeTogether(steps) }
        return try changeBySlot(steps)
    }

    /// Changes the records of one slot after the other. No signal follows them: the confirmation sends one from
    /// each server.
    private func changeBySlot(_ steps: [Step]) throws(AdministrationError) -> [Outcome] {
        let silent = RecordBatch(store, setsVersion: setsVersion)
        var outcomes = [Outcome?](repeating: nil, count: steps.count)
        let groups = Dictionary(grouping: steps.indices) { index in
            Place.record(steps[index].organization.locator).slot?.number ?? 0
        }
        for indices in groups.sorted(by: { $0.key < $1.key }).map(\.value) {
            do throws(AdministrationError) {
                let own = try silent.changeTogether(indices.map { steps[$0] })
                for (index, outcome) in zip(indices, own) { outcomes[index] = outcome }
            } catch {
                guard outcomes.contains(where: { $0 != nil }) else { throw error }
                return outcomes.map { $0 ?? .failed(error) }
            }
        }
        return outcomes.compactMap(\.self)
    }

    private func changeTogether(_ steps: [Step]) throws(AdministrationError) -> [Outcome] {
        guard let first = steps.first else { return [] }
        let place = Place.record(first.organization.locator)
        var settling = Settling(store.clock)
        var attempts = 0
        var uncertain: [Organization: RecordChange] = [:]
        var wasUncertain = false
        var takesSignals = true
        while attempts < Self.attemptsMax {
            attempts += 1
            let attempt: Attempt
            do throws(AdministrationError) {
                let plans = try plans(steps, uncertain, at: place)
                attempt = try write(plans, at: place, takesSignals: takesSignals)
            } catch {
                throw wasUncertain ? Self.unconfirmed(error.message) : error
            }
            switch attempt {
            case .written(let outcomes): return outcomes
            case .conflict: break
            case .signalRefused: takesSignals = false
            case .misplaced(let error):
                guard settling.goesOn() else {
                    let names = Counted(steps.count, "record")
                    let fault = RecordStore.misplaced("\(names)", error)
                    throw wasUncertain ? Self.unconfirmed(fault.message) : fault
                }
                attempts -= 1
            case .unknown(let changes, let reason):
                guard !wasUncertain else { throw Self.unconfirmed(reason) }
                wasUncertain = true
                uncertain = Dictionary(
                    uniqueKeysWithValues: changes.map { ($0.record.organization, $0) }
                )
                store.channel.at(place).renew()
            }
        }
        let reason = "other commands keep changing the same records"
        guard !wasUncertain else { throw Self.unconfirmed(reason) }
        throw AdministrationError(.store, "\(reason): try again")
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
        var outcome: Outcome

        /// What has to be written for it.
        var write: (change: RecordChange, audit: AuditEntry)?
    }

    private enum Attempt {
        case written([Outcome])
        /// Another client changed a record first.
        case conflict
        /// The store takes no signal.
        case signalRefused
        /// The cluster is moving the records to another server.
        case misplaced(RedisError)
        /// They may or may not have been written.
        case unknown([RecordChange], String)
    }

    /// Watches and reads the records, so that the transaction fails if one of them changes.
    private func plans(
        _ steps: [Step],
        _ uncertain: [Organization: RecordChange],
        at place: Place
    ) throws(AdministrationError) -> [Plan] {
        let locators = steps.map(\.organization.locator)
        let commands = [KeyCommands.watch(locators)] + locators.map { KeyCommands.read($0) }
        let replies = try store.read(commands, at: place)
        if let error = replies[0].failure { throw AdministrationError(error) }
        return zip(steps, replies.dropFirst()).map { step, reply in
            plan(step, reply, uncertain[step.organization])
        }
    }

    private func plan(_ step: Step, _ reply: RedisReply, _ uncertain: RecordChange?) -> Plan {
        do throws(AdministrationError) {
            let stored = try store.record(reply, step.organization)
            if let uncertain, try uncertain.wasMade(stored) {
                return Plan(outcome: .changed(uncertain))
            }
            guard let next = try step.successor(stored) else {
                return Plan(outcome: .unchanged(stored.map { store.earlierChange($0) }))
            }
            let change = RecordChange(
                before: stored,
                record: next,
                repliedAt: store.clock.monotonic
            )
            return Plan(outcome: .changed(change), write: (change, step.audit))
        } catch {
            let organization = step.organization
            return Plan(
                outcome: .refused(
                    uncertain == nil ? error : RecordStore.unconfirmed(organization, error.message)
                )
            )
        }
    }

    private func write(_ plans: [Plan], at place: Place, takesSignals: Bool)
        throws(AdministrationError) -> Attempt
    {
        let writes = plans.compactMap(\.write)
        guard let last = writes.last else {
            // An empty transaction ends the watch: thousands of watched records are slow.
            _ = try store.read([RedisCommand("MULTI"), RedisCommand("EXEC")], at: place)
            return .written(plans.map(\.outcome))
        }
        let signal =
            isAwaited && takesSignals ? store.signal(about: last.change.record.organization) : nil
        let transaction = RecordTransaction(
            writes.map {
                RecordWrite(
                    $0.change.record,
                    seal: store.seal,
                    audit: $0.audit,
                    setsVersion: setsVersion
                )
            },
            signal: signal
        )
        switch try store.execute(transaction, at: place).0 {
        case .written(let faults):
            let signalling =
                takesSignals ? Signalling(signal, fault: faults.signal) : Signalling.refused
            return .written(outcomes(plans, faults.audits, signalling))
        case .conflict: return .conflict
        case .signalRefused: return .signalRefused
        case .misplaced(let error, _): return .misplaced(error)
        case .refused(let error): throw AdministrationError(error)
        case .unknown(let reason): return .unknown(writes.map(\.change), reason)
        }
    }

    /// The outcomes of a transaction that was carried out.
    private func outcomes(_ plans: [Plan], _ audits: [RedisError?], _ signalling: Signalling)
        -> [Outcome]
    {
        var faults = audits[...]
        return plans.map { plan in
            guard var change = plan.write?.change else { return plan.outcome }
            change.repliedAt = store.clock.monotonic
            change.primary = store.channel.at(change.place).primary
            change.auditFault = faults.popFirst() ?? nil
            if faults.isEmpty { change.signalling = signalling }
            return .changed(change)
        }
    }
}
