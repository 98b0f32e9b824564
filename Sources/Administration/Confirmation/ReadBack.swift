import Keyring
import RedisClient

/// Reads records back, as the last question: whether the store still has the changes.
struct ReadBack {
    /// Number of records that are read at once.
    private static let batchLength = 500

    private let records: RecordStore
    private let store: RetryingStore

    init(_ records: RecordStore, _ store: RetryingStore) {
        (self.records, self.store) = (records, store)
    }

    /// What may be asked behind the acknowledgements of one change, in the same write. With sentinels nothing
    /// may: the primary has to be found anew.
    func question(about changes: [RecordChange]) -> [RedisCommand] {
        guard store.channel.replicated == nil, changes.count == 1 else { return [] }
        return Self.commands(changes[...])
    }

    private static func commands(_ changes: ArraySlice<RecordChange>) -> [RedisCommand] {
        changes.map { KeyCommands.read($0.record.organization.locator) }
    }

    /// Checks that the store has all changes.
    ///
    /// - Parameters:
    ///   - fleet: The fleet that was told of them; `nil` if the primary has changed since.
    ///   - answer: The replies to ``question(about:)``, if it was asked.
    /// - Returns: Whether the primary is the one at which the fleet was read.
    /// - Throws: If a change is undone, or that is uncertain.
    func check(
        _ changes: [RecordChange],
        heldIn fleet: FleetReading?,
        answer: [RedisReply]? = nil
    ) throws(ConfirmationResult.Uncertainty) -> Bool {
        if let answer {
            for (change, reply) in zip(changes, answer) {
                try check(change, reply, isSameLine: true)
            }
            return true
        }
        var isSame = true
        var rest = changes[...]
        repeat {
            let batch = rest.prefix(Self.batchLength)
            rest = rest.dropFirst(Self.batchLength)
            isSame = try check(batch, heldIn: fleet) && isSame
        } while !rest.isEmpty
        return isSame
    }

    private func check(_ batch: ArraySlice<RecordChange>, heldIn fleet: FleetReading?)
        throws(ConfirmationResult.Uncertainty) -> Bool
    {
        let replicated = store.channel.replicated
        guard replicated != nil || !batch.isEmpty else { return true }
        let replies = try translating(
            try store.execute(Self.commands(batch) + (replicated == nil ? [] : [Term.read]))
        ) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.notReadBack(AdministrationError(fault).message)
        }
        let primary = replicated?.connected?.primary
        let isSame =
            replicated == nil
            || fleet?.isSameTerm(replies.last, from: primary) == true
        for (change, reply) in zip(batch, replies) {
            try check(change, reply, isSameLine: isSame && change.primary == primary)
        }
        return isSame
    }

    /// - Parameter isSameLine: Whether a later version of the record includes the change.
    private func check(_ change: RecordChange, _ reply: RedisReply, isSameLine: Bool)
        throws(ConfirmationResult.Uncertainty)
    {
        guard change.isProvable else {
            guard (try? StoredRecord(reply))?.isBare == true else { throw .undone }
            return
        }
        let stored = try translating(try records.record(reply, change.record.organization)) {
            (error: AdministrationError) in
            ConfirmationResult.Uncertainty.notReadBack(error.message)
        }
        guard change.isReflected(in: stored, isSameLine: isSameLine) else { throw .undone }
    }
}
