import Keyring
import RedisClient

/// What comes after a change: the wait for the gateways, and a second look at what is stored.
struct ChangeConfirmer {
    /// So many records are read back at once.
    private static let batchLength = 500

    private let records: RecordStore
    private let channel: any StoreChannel
    private let clock: any BlockingClock
    private let makeBarrierID: (UnixTime) -> BarrierID
    private let trustMilliseconds: UInt64

    /// - Parameter configuration: Says how long a gateway trusts what it knew, where it does not say
    ///   so itself.
    init(
        _ records: RecordStore,
        channel: any StoreChannel,
        clock: any BlockingClock,
        configuration: Configuration,
        makeBarrierID: @escaping (UnixTime) -> BarrierID
    ) {
        self.records = records
        self.channel = channel
        self.clock = clock
        self.makeBarrierID = makeBarrierID
        trustMilliseconds = configuration.trustMilliseconds
    }

    /// Finds out whether a change holds everywhere, as far as that is waited for.
    func confirmation(of change: RecordChange, _ waiting: ConfirmationPolicy) -> ConfirmationResult
    {
        confirmation(since: change.repliedAt, waiting) {
            store throws(ConfirmationResult.Uncertainty) in
            try readBack([change], store)
        }
        .noting(change.auditFault)
    }

    /// Finds out whether changes hold everywhere, all of which were made by a moment.
    func confirmation(
        of changes: [RecordChange],
        by repliedAt: MonotonicTime,
        _ waiting: ConfirmationPolicy
    ) -> ConfirmationResult {
        confirmation(since: repliedAt, waiting) { store throws(ConfirmationResult.Uncertainty) in
            for start in stride(from: 0, to: changes.count, by: Self.batchLength) {
                try readBack(changes[start...].prefix(Self.batchLength), store)
            }
        }
    }

    /// Waits for the gateways, and then looks whether what is stored is as it should be.
    ///
    /// - Parameter repliedAt: When the store's reply to the change had arrived.
    func confirmation(
        since repliedAt: MonotonicTime,
        _ waiting: ConfirmationPolicy,
        readBack: (RetryingStore) throws(ConfirmationResult.Uncertainty) -> Void
    ) -> ConfirmationResult {
        guard case .whileTrue(let goesOn) = waiting else { return .notAwaited }
        let patient = RetryingStore(
            channel,
            clock: clock,
            from: repliedAt,
            forMilliseconds: Barrier.waitMilliseconds,
            goesOn: goesOn
        )
        var barrier = Barrier(
            patient,
            barrierID: makeBarrierID(clock.unix),
            unlistedTrustMilliseconds: trustMilliseconds
        )
        do throws(ConfirmationResult.Uncertainty) {
            let answer = try barrier.run()
            // The clock is cut to milliseconds; what is promised must not begin before it holds.
            let since = clock.unix.advanced(byMilliseconds: 1)
            try readBack(patient)
            MembershipPruning(channel).remove(answer.expired)
            return .confirmed(since: since, answer)
        } catch {
            if case .gateways(let answer) = error {
                if let note = barrier.note(answer) { _ = try? channel.execute([note]) }
                if !answer.isInterrupted { MembershipPruning(channel).remove(answer.expired) }
            }
            return .unconfirmed(error)
        }
    }

    private func readBack(_ changes: some Collection<RecordChange>, _ patient: RetryingStore)
        throws(ConfirmationResult.Uncertainty)
    {
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try patient.execute(
                changes.map { KeyCommands.read($0.record.organization.locator) }
            )
        } catch {
            throw .notReadBack(AdministrationError(error).message)
        }
        for (change, reply) in zip(changes, replies) {
            let stored: KeyRecord?
            do throws(AdministrationError) {
                stored = try records.record(reply, change.record.organization)
            } catch {
                throw .notReadBack(error.message)
            }
            guard change.isBorneOut(by: stored) else { throw .undone }
        }
    }
}
