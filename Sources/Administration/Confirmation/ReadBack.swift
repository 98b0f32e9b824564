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

    /// What may be asked after the acknowledgements of one change, in the same write. Where the primary may change
    /// nothing may: it has to be found anew.
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
    ///   - fleet: The fleet that was sent the signal; `nil` if the primary has changed since.
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
            isSame = try check(batch, heldIn: fleet, isShared: changes.count > 1) && isSame
        } while !rest.isEmpty
        return isSame
    }

    /// - Parameter isShared: Whether several changes share a signal.
    private func check(
        _ batch: ArraySlice<RecordChange>,
        heldIn fleet: FleetReading?,
        isShared: Bool
    ) throws(ConfirmationResult.Uncertainty) -> Bool {
        if let cluster = store.channel.cluster {
            return try check(batch, heldIn: fleet, isShared: isShared, cluster)
        }
        let replicated = store.channel.replicated
        guard replicated != nil || !batch.isEmpty else { return true }
        let replies = try executing([
            (.membership, Self.commands(batch) + (replicated == nil ? [] : [Term.read]))
        ])[0]
        let primary = store.channel.primary
        let isSame =
            replicated == nil
            || fleet?.recordServer.isSameTerm(replies.last, from: primary) == true
        for (change, reply) in zip(batch, replies) {
            try check(change, reply, isSameLine: isSame && change.primary == primary)
        }
        return isSame
    }

    /// The same in a cluster: both servers must be the primaries still, and all records at the one. A shared signal speaks
    /// only of what the server that sends it has changed itself: the news of a record that came there later may be
    /// on its way from another one.
    private func check(
        _ batch: ArraySlice<RecordChange>,
        heldIn fleet: FleetReading?,
        isShared: Bool,
        _ cluster: any ClusteredStore
    ) throws(ConfirmationResult.Uncertainty) -> Bool {
        var isSame = fleet != nil
        for server in fleet?.servers ?? [] {
            isSame = try isStillPrimary(server) && isSame
        }
        let parts: [PlacedCommands] = batch.map {
            ($0.place, [KeyCommands.read($0.record.organization.locator)])
        }
        let replies = try executing(parts)
        var areSame = isSame
        for (change, reply) in zip(batch, replies) {
            let primary = cluster.owner(of: change.place)
            let isHere = isSame && primary == fleet?.recordServer.primary
            let isOwn = change.primary == primary
            try check(change, reply[0], isSameLine: isHere && isOwn)
            areSame =
                areSame && isHere && (isOwn || !isShared) && cluster.isAgreed(on: change.place)
        }
        return areSame
    }

    /// Whether the other primaries name a server, and its term is the one in which it was read.
    private func isStillPrimary(_ server: FleetReading.Server)
        throws(ConfirmationResult.Uncertainty) -> Bool
    {
        let channel = store.channel.at(server.place)
        guard let replicated = channel.replicated,
            try store.findPrimary(replicated).primary == server.primary
        else { return false }
        let replies = try executing([(server.place, [server.place.probe, Term.read])])[0]
        return server.isSameTerm(replies.last, from: replicated.connected?.primary)
    }

    private func executing(_ parts: [PlacedCommands]) throws(ConfirmationResult.Uncertainty)
        -> [[RedisReply]]
    {
        try translating(try store.execute(parts)) { (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.notReadBack(AdministrationError(fault).message)
        }
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
