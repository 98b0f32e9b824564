import KeyFormat
import Keyring
import RedisClient

/// Confirms a change: waits for the workers, then for the replicas, and then reads the record back.
struct ChangeConfirmer {
    private static let pauseMilliseconds: UInt64 = 20

    let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Confirms one change, as far as the policy waits for it.
    func confirmation(of change: RecordChange, _ policy: ConfirmationPolicy) -> ConfirmationResult {
        confirmation(of: [change], change.signalling, by: change.repliedAt, change.fleet, policy)
            .including(change.uncertainty)
    }

    /// Confirms several changes together; in a cluster, those of each server.
    ///
    /// - Parameter repliedAt: When the store's last reply had arrived.
    func confirmation(
        of changes: [RecordChange],
        by repliedAt: MonotonicTime,
        _ policy: ConfirmationPolicy
    ) -> ConfirmationResult {
        guard let cluster = context.channel.cluster, !changes.isEmpty else {
            let isRefused = changes.contains { $0.signalling.isRefused }
            let signalling = isRefused ? .refused : changes.last?.signalling ?? .unsent
            return confirmation(of: changes, signalling, by: repliedAt, nil, policy)
        }
        return waiting(from: repliedAt, policy) { store throws(ConfirmationResult.Uncertainty) in
            try confirm(changes, at: cluster, store)
        }
    }

    /// Waits for the workers, and then checks what is stored. Begins again where another server has become the
    /// primary meanwhile, if that one has the changes.
    ///
    /// - Parameters:
    ///   - signalling: Whether a signal went out with the last change.
    ///   - repliedAt: When the store's reply to it had arrived.
    ///   - fleet: The fleet, if it was read after the change.
    private func confirmation(
        of changes: [RecordChange],
        _ signalling: Signalling,
        by repliedAt: MonotonicTime,
        _ fleet: FleetReading?,
        _ policy: ConfirmationPolicy
    ) -> ConfirmationResult {
        waiting(from: repliedAt, policy) { store throws(ConfirmationResult.Uncertainty) in
            if let result = try attempt(changes, signalling, fleet, store) { return result }
            while store.clock.monotonic < store.deadline, store.shouldContinue() {
                pause(store)
                let again = signalling.isRefused ? Signalling.refused : .unsent
                if let result = try attempt(changes, again, nil, store) { return result }
            }
            throw .notReadBack("the primary has changed meanwhile")
        }
    }

    /// Between two attempts: servers need some time to hear of what has changed.
    func pause(_ store: RetryingStore) {
        let next = store.clock.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds)
        store.clock.sleep(until: min(next, store.deadline))
    }

    /// Runs `body` with a store that is retried as long as the policy waits.
    private func waiting(
        from repliedAt: MonotonicTime,
        _ policy: ConfirmationPolicy,
        _ body: (RetryingStore) throws(ConfirmationResult.Uncertainty) -> ConfirmationResult
    ) -> ConfirmationResult {
        guard case .whileTrue(let onProgress) = policy else { return .notAwaited }
        let store = RetryingStore(
            context.channel,
            clock: context.clock,
            from: repliedAt,
            forMilliseconds: Barrier.waitMilliseconds,
            onProgress: onProgress
        )
        let patience = store.channel.replicated?.patienceMilliseconds ?? 0
        defer { store.channel.replicated?.patienceMilliseconds = patience }
        // The wait has its own end, and the caller may end it.
        store.channel.replicated?.patienceMilliseconds = 0
        do throws(ConfirmationResult.Uncertainty) {
            return try body(store)
        } catch {
            return .unconfirmed(error)
        }
    }

    /// Confirms the changes at one primary; `nil` if another one has the changes now.
    func attempt(
        _ changes: [RecordChange],
        _ signalling: Signalling,
        _ fleet: FleetReading?,
        _ store: RetryingStore
    ) throws(ConfirmationResult.Uncertainty) -> ConfirmationResult? {
        let signal = signalling.signal ?? signal(about: changes)
        let readBack = ReadBack(context.store, store)
        var barrier = barrier(store, signal, signalling, readBack.question(about: changes))
        let passage = try barrier.run(fleet)
        // The clock is truncated to milliseconds: round up, so that the promise is not early.
        let since = context.clock.unix.advanced(byMilliseconds: 1)
        let check = copyCheck(signal, store)
        let copies: Copies? = if let passage { try check?.copies(passage.fleet) } else { nil }
        let isHeld = try readBack.check(
            changes,
            heldIn: passage?.fleet,
            answer: passage?.answer
        )
        let isCounted = check == nil || copies != nil
        guard isHeld, isCounted, var outcome = passage?.outcome else { return nil }
        outcome.copies = copies
        return .confirmed(since: since, outcome)
    }

    func signal(about changes: [RecordChange]) -> Signal {
        let locator = changes.last?.record.organization.locator ?? .nobody
        return Signal(.barrier, about: locator, id: context.makeSignalID(context.clock.unix))
    }

    func barrier(
        _ store: RetryingStore,
        _ signal: Signal,
        _ signalling: Signalling = .unsent,
        _ question: [RedisCommand] = []
    ) -> Barrier {
        Barrier(
            store,
            signal,
            signalling,
            trustMilliseconds: context.configuration.trustMilliseconds,
            witnesses: context.configuration.witnesses,
            question: question
        )
    }

    /// Counts the servers that hold a change; `nil` where the store is one server.
    private func copyCheck(_ signal: Signal, _ store: RetryingStore) -> CopyCheck? {
        let store = store.at(.record(signal.locator))
        guard let replicated = store.channel.replicated else { return nil }
        let isCluster = store.channel.cluster != nil
        return CopyCheck(
            store,
            replicated,
            configured: context.configuration.copies,
            touch: isCluster ? signal.touch : [Membership.touch]
        )
    }
}
