import KeyFormat
import Keyring
import RedisClient

/// Reads the records in the store, and changes one unless another client changes it first.
struct RecordStore {
    private static let attemptsMax = 16

    let channel: any StoreChannel
    let clock: any BlockingClock
    let seal: RecordSeal
    let makeSignalID: (UnixTime) -> SignalID

    init(
        _ channel: any StoreChannel,
        clock: any BlockingClock,
        seal: RecordSeal,
        makeSignalID: @escaping (UnixTime) -> SignalID = AdministrationContext.randomSignalID
    ) {
        self.channel = channel
        self.clock = clock
        self.seal = seal
        self.makeSignalID = makeSignalID
    }

    /// Sends commands that may be repeated. If an idle connection turns out to be lost, they are sent
    /// again on a new one.
    ///
    /// - Throws: An error if there are no replies. Errors that Redis replies are returned.
    func read(_ commands: [RedisCommand], at place: Place) throws(AdministrationError)
        -> [RedisReply]
    {
        try translatingStoreFault(try channel.at(place).execute(repeating: commands))
    }

    /// Sends commands about several places that may be repeated.
    ///
    /// - Throws: An error if there are not all replies. Errors that Redis replies are returned.
    func read(_ parts: [PlacedCommands]) throws(AdministrationError) -> [[RedisReply]] {
        try translatingStoreFault(try channel.execute(repeating: parts))
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

    /// A record that cannot be proven.
    struct Claim {
        let stored: StoredRecord

        /// Why it cannot be proven.
        let fault: AdministrationError
    }

    /// The successor of a record.
    struct Successor {
        let record: KeyRecord

        /// Whether it is sealed. What a record only claims must not become proven.
        var isSealed = true
    }

    /// Writes the successor of a record, computed again whenever another client was faster.
    ///
    /// If the connection is lost before the store has replied, the stored record shows whether the
    /// change was made. If it was not, it is tried once more: that also touches the record that the lost
    /// transaction watches, so that it cannot be carried out later.
    ///
    /// If the store's memory is full, a change that ends all keys deletes them and writes nothing else.
    ///
    /// - Parameters:
    ///   - isAwaited: Whether workers will be waited for, and therefore get a signal.
    ///   - unproven: Returns the successor of a record that cannot be proven, for the given reason. Without
    ///     it such a record is refused.
    ///   - successor: Receives the stored record; returns `nil` if nothing has to be done.
    /// - Returns: What was written; `nil` if nothing was.
    /// - Throws: An error if nothing was written, or if it is uncertain whether the record was.
    func change(
        _ organization: Organization,
        _ audit: AuditEntry,
        isAwaited: Bool = false,
        unproven: ((Claim) throws(AdministrationError) -> Successor?)? = nil,
        _ successor: (KeyRecord?) throws(AdministrationError) -> KeyRecord?
    ) throws(AdministrationError) -> RecordChange? {
        var takesSignals = true
        var uncertain: RecordChange?
        var settling = Settling(clock)
        var attempts = 0
        while attempts < Self.attemptsMax {
            attempts += 1
            let attempt: Attempt
            do throws(AdministrationError) {
                let seen = try watch(organization, mayLackProof: unproven != nil)
                if let uncertain, try uncertain.wasMade(seen.record, seen.claim?.stored) {
                    return made(uncertain, takesSignals ? .unsent : .refused)
                }
                let next: Successor? =
                    if let claim = seen.claim, let unproven {
                        try unproven(claim)
                    } else {
                        try successor(seen.record).map { Successor(record: $0) }
                    }
                guard let next else { return nil }
                let signal = isAwaited && takesSignals ? signal(about: organization) : nil
                attempt = try write(next, over: seen, audit, signal)
            } catch {
                throw uncertain == nil ? error : Self.unconfirmed(organization, error.message)
            }
            switch attempt {
            case .made(let change): return takesSignals ? change : made(change, .refused)
            case .conflict: break
            case .signalRefused: takesSignals = false
            case .misplaced(let error, let ofSignal):
                if settling.goesOn() {
                    attempts -= 1
                } else if ofSignal, takesSignals {
                    takesSignals = false
                } else {
                    let fault = Self.misplaced("the record of \(organization)", error)
                    throw uncertain == nil ? fault : Self.unconfirmed(organization, fault.message)
                }
            case .unknown(let change, let reason):
                guard uncertain == nil else { throw Self.unconfirmed(organization, reason) }
                uncertain = change
                channel.at(.record(organization.locator)).renew()
            }
        }
        let reason = "other commands keep changing the record of \(organization)"
        guard uncertain == nil else { throw Self.unconfirmed(organization, reason) }
        throw AdministrationError(.store, "\(reason); nothing was done: try again")
    }

    /// A new signal.
    func signal(about organization: Organization) -> Signal {
        Signal(.barrier, about: organization.locator, id: makeSignalID(clock.unix))
    }

    /// A change that was made earlier, to be confirmed again.
    func earlierChange(_ record: KeyRecord, isProvable: Bool = true) -> RecordChange {
        RecordChange(
            before: record,
            record: record,
            isProvable: isProvable,
            repliedAt: clock.monotonic,
            primary: channel.at(.record(record.organization.locator)).primary
        )
    }

    /// The change as it was made. Must be called as soon as the store's reply has arrived: the wait for
    /// workers counts from here.
    private func made(_ change: RecordChange, _ signalling: Signalling) -> RecordChange {
        var change = change
        change.repliedAt = clock.monotonic
        change.primary = channel.at(change.place).primary
        change.signalling = signalling
        return change
    }
}

// MARK: - Transactions

extension RecordStore {
    /// Carries out a transaction. MULTI goes alone: if it were refused, the commands after it would be
    /// carried out one by one.
    ///
    /// - Parameters:
    ///   - place: What was watched.
    ///   - following: Commands that are sent with it, whatever becomes of it.
    /// - Returns: What became of it, and the replies to the commands after it.
    /// - Throws: An error if the connection is lost before, or MULTI is refused.
    func execute(
        _ transaction: RecordTransaction,
        at place: Place,
        following: [RedisCommand] = []
    ) throws(AdministrationError) -> (RecordTransaction.Outcome, [RedisReply]) {
        let channel = channel.at(place)
        let replies = try translatingStoreFault(
            try channel.execute([RedisCommand("MULTI")], onSameConnection: true)
        )
        if let error = replies[0].failure { throw AdministrationError(error) }
        do throws(StoreConnection.Fault) {
            let commands = transaction.commands
            let replies = try channel.execute(commands + following, onSameConnection: true)
            let outcome = transaction.outcome(Array(replies.prefix(commands.count)))
            return (outcome, Array(replies.dropFirst(commands.count)))
        } catch {
            guard case .interrupted(let reason) = error else { throw AdministrationError(error) }
            return (.unknown(reason), [])
        }
    }
}

// MARK: - One attempt

extension RecordStore {
    private enum Attempt {
        case made(RecordChange)
        /// Another client changed the record first.
        case conflict
        /// The store takes no signal.
        case signalRefused
        /// The record, or only the signal's key, is being moved to another server of the cluster.
        case misplaced(RedisError, ofSignal: Bool)
        /// It may or may not have been made.
        case unknown(RecordChange, String)
    }

    /// The stored record: proven, or only claimed.
    private struct Seen {
        let record: KeyRecord?
        let claim: Claim?
    }

    /// Watches and reads a record that is about to be written.
    ///
    /// - Parameter mayLackProof: Whether a record that cannot be proven is accepted.
    private func watch(_ organization: Organization, mayLackProof: Bool)
        throws(AdministrationError) -> Seen
    {
        let locator = organization.locator
        let replies = try read(
            [KeyCommands.watch(locator), KeyCommands.read(locator)],
            at: .record(locator)
        )
        // Unwatched, two simultaneous changes would leave a record whose seal does not hold.
        if let error = replies[0].failure { throw AdministrationError(error) }
        do throws(AdministrationError) {
            return Seen(record: try record(replies[1], organization), claim: nil)
        } catch {
            guard mayLackProof, error.kind == .data, let stored = try? StoredRecord(replies[1])
            else { throw error }
            return Seen(record: nil, claim: Claim(stored: stored, fault: error))
        }
    }

    private func write(
        _ next: Successor,
        over seen: Seen,
        _ audit: AuditEntry,
        _ signal: Signal?
    ) throws(AdministrationError) -> Attempt {
        let write = RecordWrite(
            next.record,
            seal: next.isSealed ? seal : nil,
            audit: audit,
            setsVersion: seen.claim != nil
        )
        var change = RecordChange(
            before: seen.record,
            record: next.record,
            isProvable: next.isSealed,
            repliedAt: clock.monotonic
        )
        // Its first reading takes time, which must not pass between the change and its confirmation.
        let bootID = clock.bootID
        // In a cluster the membership list is elsewhere.
        let (outcome, fleet) = try execute(
            RecordTransaction([write], signal: signal),
            at: change.place,
            following: signal == nil || channel.cluster != nil ? [] : FleetReading.commands
        )
        switch outcome {
        case .written(let faults):
            change.auditFault = faults.audits.lazy.compactMap(\.self).first
            change.fleet =
                fleet.isEmpty
                ? nil
                : try? FleetReading(
                    fleet,
                    bootID: bootID,
                    at: clock.monotonic,
                    from: channel.primary
                )
            return .made(made(change, Signalling(signal, fault: faults.signal)))
        case .conflict: return .conflict
        case .signalRefused: return .signalRefused
        case .misplaced(let error, let ofSignal): return .misplaced(error, ofSignal: ofSignal)
        case .unknown(let reason): return .unknown(change, reason)
        case .refused(let error):
            let endsKeys = next.record.key == nil && (seen.claim != nil || seen.record?.key != nil)
            guard error.isOutOfMemory, endsKeys else { throw AdministrationError(error) }
            return try deleteKeys(change, because: error)
        }
    }

    /// Ends the keys of a record although the store's memory is full, without a transaction: Redis
    /// accepts none then.
    private func deleteKeys(_ change: RecordChange, because error: RedisError)
        throws(AdministrationError) -> Attempt
    {
        let reply: RedisReply
        do throws(StoreConnection.Fault) {
            let command = KeyCommands.deleteKeys(change.record.organization.locator)
            reply = try channel.at(change.place).execute([command])[0]
        } catch {
            guard case .interrupted(let reason) = error else { throw AdministrationError(error) }
            return .unknown(change, reason)
        }
        if let error = reply.failure { throw AdministrationError(error) }
        var change = change
        change.isProvable = false
        change.incompleteness = error
        return .made(made(change, .refused))
    }

    /// The error for records that a cluster was moving for too long.
    ///
    /// - Parameter records: Which ones, as the beginning of a sentence.
    static func misplaced(_ records: String, _ error: RedisError) -> AdministrationError {
        AdministrationError(
            .store,
            "\(records) could not be written while the cluster moves the slot; nothing was done: \(error.message)"
        )
    }

    /// The error for a record that may have been changed.
    static func unconfirmed(_ organization: Organization, _ reason: String)
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
