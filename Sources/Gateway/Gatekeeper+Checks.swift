import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper decides: by the credential alone, by a cached record, or by what the store
/// answers.
extension Gatekeeper {
    /// Begins a check. `request` is the caller's data, handed back by ``nextDecision()``.
    public func check(_ credential: Span<UInt8>, request: UInt, at now: ClockReading) -> Admission {
        switch credentials.read(credential) {
        case .recognized(let slot):
            if isTrusted(now.monotonic), let admitted = cache.admit(slot, at: now.unix) {
                return .decided(.recognized(admitted))
            }
            return check(cache.verifiedKey(slot), request, now)
        case .issued(let key): return check(key, request, now)
        case .malformed: return .decided(.fromText(.malformed))
        case .forged: return .decided(.fromText(.forged))
        }
    }

    /// Drops a check whose decision was not handed out. Unknown tickets are ignored.
    public func cancel(ticket number: UInt64) {
        checks.cancel(Checks.Ticket(number: number))
    }

    /// The next decision of a check that waited.
    public func nextDecision() -> CheckAnswer? { checks.nextAnswer() }

    /// Number of checks that wait for the store.
    public var waitingCount: Int { checks.count }

    private func check(_ key: VerifiedKey, _ request: UInt, _ now: ClockReading) -> Admission {
        if isTrusted(now.monotonic), let hit = cache.lookup(key.locator) {
            credentials.remember(key)
            return .decided(
                conclude(
                    .compared(key.issued, with: hit.keys, from: .cache, at: now.unix),
                    hit.slot,
                    now
                )
            )
        }
        return askStore(key, request, now)
    }

    private func askStore(_ key: VerifiedKey, _ request: UInt, _ now: ClockReading) -> Admission {
        if !node.data.isReady || !isFenced(now.monotonic) {
            if let decision = decideWithoutStore(key.issued, now) { return .decided(decision) }
            guard maySoonAsk(now.monotonic) else { return .decided(.unavailable(key.locator)) }
        }
        guard let ticket = wait(key, request, now.monotonic) else {
            log.note(.tooManyChecks, now.monotonic, "too many checks wait for the store")
            return .decided(.unavailable(key.locator))
        }
        return .waiting(ticket: ticket.number)
    }

    /// Whether the store may answer soon, although it does not now.
    private func maySoonAsk(_ now: MonotonicTime) -> Bool {
        if node.endpoint == nil { return sentinels.isFinding(now) }
        return node.data.isReady || node.data.isConnecting(now)
    }

    /// Lets a check wait for a read; or for a proof, where a lease of no length is all that a cached record
    /// lacks.
    private func wait(_ key: VerifiedKey, _ request: UInt, _ now: MonotonicTime) -> Checks.Ticket? {
        if isStrict, node.canProve(membership), cache.holds(key.locator) {
            let asked: UInt64 = obligations.keeps(.asksAfterCheck) ? 0 : 1
            let ping = node.invalidations.nextNumber - asked
            return checks.add(request, key, forPing: ping, at: now)
        }
        return checks.add(request, key, at: now)
    }

    /// Whether cached records decide.
    private func isTrusted(_ now: MonotonicTime) -> Bool {
        #if CANARIES
            if !obligations.keeps(.lease) { return true }
            if !obligations.keeps(.freshClock) { return staleClock < node.lease.trustedUntil }
        #endif
        return now < node.lease.trustedUntil
    }

    /// Admits a key by its cached record where the store cannot be asked. It refuses none: the key may
    /// be newer than the record.
    private func decideWithoutStore(_ key: KeyVerifier.IssuedKey, _ now: ClockReading) -> Decision?
    {
        guard now.monotonic < node.lease.usableUntil, let hit = cache.lookup(key.locator)
        else { return nil }
        let source = node.lease.isInGrace(now.monotonic) ? Decision.Source.grace : .cache
        let decision = Decision.compared(key, with: hit.keys, from: source, at: now.unix)
        if obligations.keeps(.staleRecordRefusesNobody) {
            guard decision.result == .allowed || isTrusted(now.monotonic) else { return nil }
        }
        return conclude(decision, hit.slot, now)
    }

    /// Decides a check by what the store answered.
    func decide(_ check: Checks.Check, _ keys: AcceptedKeys?, _ now: ClockReading) -> Decision {
        credentials.remember(check.key)
        let decision = Decision.compared(
            check.key.issued,
            with: keys,
            from: .store,
            at: now.unix
        )
        return conclude(decision, nil, now)
    }

    /// Decides a check by its cached record, which is proven to be current; `nil` where that has been
    /// invalidated meanwhile.
    func decideProven(_ check: Checks.Check, _ now: ClockReading) -> Decision? {
        guard isFenced(now.monotonic), let hit = cache.lookup(check.key.locator) else { return nil }
        credentials.remember(check.key)
        let decision = Decision.compared(
            check.key.issued,
            with: hit.keys,
            from: .store,
            at: now.unix
        )
        return conclude(decision, hit.slot, now)
    }

    /// Decides a check that the store does not answer.
    func decideUnanswered(_ check: Checks.Check, _ now: ClockReading) -> Decision {
        decideWithoutStore(check.key.issued, now) ?? .unavailable(check.key.locator)
    }

    @inline(__always)
    private func conclude(_ decision: Decision, _ slot: Int?, _ now: ClockReading) -> Decision {
        uses.note(decision, slot: slot, at: now.unix)
        return decision
    }
}
