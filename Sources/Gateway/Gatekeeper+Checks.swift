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
            if isTrusted(slot, now.monotonic), let admitted = cache.admit(slot, at: now.unix) {
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
        if let slot = cache.slot(of: key.locator), isTrusted(slot, now.monotonic),
            let hit = cache.lookup(slot)
        {
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
        let place = cluster.place(of: key.locator)
        if !canAnswer(place, now.monotonic) {
            if let decision = decideWithoutStore(key.issued, now) { return .decided(decision) }
            guard maySoonAsk(place, now.monotonic) else {
                return .decided(.unavailable(key.locator))
            }
        }
        guard let ticket = wait(key, request, place, now.monotonic) else {
            log.note(.tooManyChecks, now.monotonic, "too many checks wait for the store")
            return .decided(.unavailable(key.locator))
        }
        return .waiting(ticket: ticket.number)
    }

    /// Whether a record can be read from the primary in a place, and decides.
    func canAnswer(_ place: Int?, _ now: MonotonicTime) -> Bool {
        guard let place else { return false }
        return nodes[place].data.isReady && isFenced(place, now)
    }

    /// Whether the store may answer soon, although it does not now.
    private func maySoonAsk(_ place: Int?, _ now: MonotonicTime) -> Bool {
        guard let place else { return cluster.seeds.isSearching || isAnyReady }
        if nodes[place].endpoint == nil { return sentinels.isFinding(now) }
        return nodes[place].data.isReady || nodes[place].data.isConnecting(now)
    }

    /// Lets a check wait for a read; or for a proof, where a lease of no length is all that a cached record
    /// lacks.
    private func wait(_ key: VerifiedKey, _ request: UInt, _ place: Int?, _ now: MonotonicTime)
        -> Checks.Ticket?
    {
        if isStrict, let place, nodes[place].canProve(membership), cache.holds(key.locator) {
            let asked: UInt64 = obligations.keeps(.asksAfterCheck) ? 0 : 1
            let ping = nodes[place].invalidations.nextNumber - asked
            return checks.add(request, key, forPing: ping, to: place, at: now)
        }
        return checks.add(request, key, at: now)
    }

    /// Whether the cached record in a slot decides.
    @inline(__always)
    private func isTrusted(_ slot: Int, _ now: MonotonicTime) -> Bool {
        #if CANARIES
            if !obligations.keeps(.lease) { return true }
            if !obligations.keeps(.freshClock) { return staleClock < cache.trustedUntil(slot) }
        #endif
        return now < cache.trustedUntil(slot)
    }

    /// Admits a key by its cached record where the store cannot be asked. It refuses none: the key may
    /// be newer than the record.
    private func decideWithoutStore(_ key: KeyVerifier.IssuedKey, _ now: ClockReading) -> Decision?
    {
        guard let slot = cache.slot(of: key.locator),
            now.monotonic < cache.usableUntil(slot), let hit = cache.lookup(slot)
        else { return nil }
        let isInGrace = nodes[0].lease.isInGrace(now.monotonic, until: cache.usableUntil(slot))
        let source = isInGrace ? Decision.Source.grace : .cache
        let decision = Decision.compared(key, with: hit.keys, from: source, at: now.unix)
        if obligations.keeps(.staleRecordRefusesNobody) {
            guard decision.result == .allowed || isTrusted(slot, now.monotonic) else { return nil }
        }
        return conclude(decision, slot, now)
    }

    /// Decides a check by what the store answered.
    ///
    /// - Parameter slot: Where the record is cached.
    func decide(
        _ check: Checks.Check,
        _ keys: AcceptedKeys?,
        slot: Int? = nil,
        _ now: ClockReading
    ) -> Decision {
        credentials.remember(check.key)
        let decision = Decision.compared(
            check.key.issued,
            with: keys,
            from: .store,
            at: now.unix
        )
        return conclude(decision, slot, now)
    }

    /// Decides a check by its cached record, which is proven to be current; `nil` where that has been
    /// invalidated meanwhile, or may be a former primary's.
    func decideProven(_ check: Checks.Check, _ now: ClockReading) -> Decision? {
        guard let place = cluster.place(of: check.key.locator), isFenced(place, now.monotonic),
            !nodes[place].lease.holdsFormer, let hit = cache.lookup(check.key.locator)
        else { return nil }
        return decide(check, hit.keys, slot: hit.slot, now)
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
