import KeyFormat
import Keyring
import RedisClient

/// Confirms a change: waits for the workers, and then reads the record back.
struct ChangeConfirmer {
    /// Number of records that are read back at once.
    private static let batchLength = 500

    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Confirms one change, as far as the policy waits for it.
    func confirmation(of change: RecordChange, _ policy: ConfirmationPolicy) -> ConfirmationResult {
        let locator = change.record.organization.locator
        return confirmation(
            since: change.repliedAt,
            change.signalling,
            locator,
            policy,
            fleet: change.fleet
        ) {
            store throws(ConfirmationResult.Uncertainty) in
            try readBack([change], store)
        }
        .including(change.uncertainty)
    }

    /// Confirms several changes together.
    ///
    /// - Parameter repliedAt: When the store's last reply had arrived.
    func confirmation(
        of changes: [RecordChange],
        by repliedAt: MonotonicTime,
        _ policy: ConfirmationPolicy
    ) -> ConfirmationResult {
        let locator = changes.last?.record.organization.locator ?? Locator(organization: [])
        let signalling = changes.last?.signalling ?? .unsent
        return confirmation(since: repliedAt, signalling, locator, policy) {
            store throws(ConfirmationResult.Uncertainty) in
            for start in stride(from: 0, to: changes.count, by: Self.batchLength) {
                try readBack(changes[start...].prefix(Self.batchLength), store)
            }
        }
    }

    /// Waits for the workers, and then checks what is stored.
    ///
    /// - Parameters:
    ///   - repliedAt: When the store's reply to the change had arrived.
    ///   - signalling: Whether a signal went out with the change.
    ///   - locator: The organization that a signal names if it did not.
    ///   - fleet: The fleet, if it was read behind the change.
    ///   - readBack: Throws if the store no longer has the change.
    func confirmation(
        since repliedAt: MonotonicTime,
        _ signalling: Signalling,
        _ locator: Locator,
        _ policy: ConfirmationPolicy,
        fleet: FleetReading? = nil,
        readBack: (RetryingStore) throws(ConfirmationResult.Uncertainty) -> Void
    ) -> ConfirmationResult {
        guard case .whileTrue(let onProgress) = policy else { return .notAwaited }
        let (channel, clock) = (context.channel, context.clock)
        let store = RetryingStore(
            channel,
            clock: clock,
            from: repliedAt,
            forMilliseconds: Barrier.waitMilliseconds,
            onProgress: onProgress
        )
        let signal =
            signalling.signal
            ?? Signal(.barrier, about: locator, id: context.makeSignalID(clock.unix))
        var barrier = Barrier(
            store,
            signal,
            signalling,
            trustMilliseconds: context.configuration.trustMilliseconds
        )
        do throws(ConfirmationResult.Uncertainty) {
            let outcome = try barrier.run(fleet)
            // The clock is truncated to milliseconds: round up, so that the promise is not early.
            let since = clock.unix.advanced(byMilliseconds: 1)
            try readBack(store)
            return .confirmed(since: since, outcome)
        } catch {
            return .unconfirmed(error)
        }
    }

    private func readBack(_ changes: some Collection<RecordChange>, _ store: RetryingStore)
        throws(ConfirmationResult.Uncertainty)
    {
        let commands = changes.map { KeyCommands.read($0.record.organization.locator) }
        let replies = try translating(try store.execute(commands)) {
            (fault: StoreConnection.Fault) in
            ConfirmationResult.Uncertainty.notReadBack(AdministrationError(fault).message)
        }
        for (change, reply) in zip(changes, replies) {
            guard change.isProvable else {
                guard (try? StoredRecord(reply))?.isBare == true else { throw .undone }
                continue
            }
            let stored = try translating(
                try context.store.record(reply, change.record.organization)
            ) { (error: AdministrationError) in
                ConfirmationResult.Uncertainty.notReadBack(error.message)
            }
            guard change.isReflected(in: stored) else { throw .undone }
        }
    }
}
