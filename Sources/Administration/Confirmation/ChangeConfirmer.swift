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
    func confirmation(of change: RecordChange, _ policy: ConfirmationPolicy) -> ConfirmationResult {
        confirmation(since: change.repliedAt, policy) {
            store throws(ConfirmationResult.Uncertainty) in
            try readBack([change], store)
        }
        .including(change.auditFault)
    }

    /// Finds out whether changes hold everywhere, all of which were made by a moment.
    func confirmation(
        of changes: [RecordChange],
        by repliedAt: MonotonicTime,
        _ policy: ConfirmationPolicy
    ) -> ConfirmationResult {
        confirmation(since: repliedAt, policy) { store throws(ConfirmationResult.Uncertainty) in
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
        _ policy: ConfirmationPolicy,
        readBack: (RetryingStore) throws(ConfirmationResult.Uncertainty) -> Void
    ) -> ConfirmationResult {
        guard case .whileTrue(let onProgress) = policy else { return .notAwaited }
        let retrying = RetryingStore(
            channel,
            clock: clock,
            from: repliedAt,
            forMilliseconds: Barrier.waitMilliseconds,
            onProgress: onProgress
        )
        var barrier = Barrier(
            retrying,
            barrierID: makeBarrierID(clock.unix),
            unlistedTrustMilliseconds: trustMilliseconds
        )
        do throws(ConfirmationResult.Uncertainty) {
            let outcome = try barrier.run()
            // The clock is cut to milliseconds; what is promised must not begin before it holds.
            let since = clock.unix.advanced(byMilliseconds: 1)
            try readBack(retrying)
            MembershipPruning(channel).remove(outcome.expired)
            return .confirmed(since: since, outcome)
        } catch {
            if case .unacknowledged(let outcome) = error {
                if let command = barrier.suspectCommand(outcome) {
                    _ = try? channel.execute([command])
                }
                if !outcome.isInterrupted { MembershipPruning(channel).remove(outcome.expired) }
            }
            return .unconfirmed(error)
        }
    }

    private func readBack(_ changes: some Collection<RecordChange>, _ retrying: RetryingStore)
        throws(ConfirmationResult.Uncertainty)
    {
        let replies: [RedisReply]
        do throws(StoreConnection.Fault) {
            replies = try retrying.execute(
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
            guard change.isReflected(in: stored) else { throw .undone }
        }
    }
}
