import Keyring
import RedisClient

/// What comes after a change: the wait for the gateways, and a second look at what is stored.
struct ChangeSettlement {
    private let records: RecordStore
    private let channel: any StoreChannel
    private let clock: any WaitingClock
    private let makeNonce: (UnixTime) -> Barrier.Nonce

    init(
        _ records: RecordStore,
        channel: any StoreChannel,
        clock: any WaitingClock,
        makeNonce: @escaping (UnixTime) -> Barrier.Nonce
    ) {
        self.records = records
        self.channel = channel
        self.clock = clock
        self.makeNonce = makeNonce
    }

    /// Finds out whether a change holds everywhere, as far as that is waited for.
    func confirmation(of change: RecordChange, _ waiting: Waiting) -> ChangeConfirmation {
        guard case .whileTrue(let goesOn) = waiting else { return .notAwaited }
        let patient = PatientStore(
            channel,
            clock: clock,
            from: change.repliedAt,
            forMilliseconds: FleetBarrier.waitMilliseconds,
            goesOn: goesOn
        )
        var barrier = FleetBarrier(patient, nonce: makeNonce(clock.unix))
        do throws(ChangeConfirmation.Doubt) {
            let answer = try barrier.run()
            // The clock is cut to milliseconds; what is promised must not begin before it holds.
            let since = clock.unix.advanced(byMilliseconds: 1)
            try readBack(change, patient)
            FleetPruning(channel).remove(answer.expired)
            return .confirmed(since: since, answer)
        } catch {
            if case .gateways(let answer) = error {
                if let note = barrier.note(answer) { _ = try? channel.execute([note]) }
                if !answer.isInterrupted { FleetPruning(channel).remove(answer.expired) }
            }
            return .unconfirmed(error)
        }
    }

    private func readBack(_ change: RecordChange, _ patient: PatientStore)
        throws(ChangeConfirmation.Doubt)
    {
        let organization = change.record.organization
        let reply: RedisReply
        do throws(StoreConnection.Fault) {
            reply = try patient.execute([KeyCommands.read(organization.locator)])[0]
        } catch {
            throw .notReadBack(AdministrationError(error).message)
        }
        let stored: KeyRecord?
        do throws(AdministrationError) {
            stored = try records.record(reply, organization)
        } catch {
            throw .notReadBack(error.message)
        }
        guard change.isBorneOut(by: stored) else { throw .undone }
    }
}
