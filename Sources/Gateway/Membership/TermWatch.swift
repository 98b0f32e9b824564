import Keyring
import RedisClient

/// Hands the store's term over to the membership list, so that the first change of a term need not wait.
///
/// Once this worker has been a member for as long as any other may trust its cache, every other has registered
/// again or trusts nothing, so the list is whole. If another server may become the primary, the wait begins when a
/// majority of the sentinels has named this one, and its term: a worker that trusts a former primary had it
/// attested before the last of them answered.
struct TermWatch {
    private enum State {
        case idle
        /// The term of the connection has not been asked for.
        case wanted
        case asked(generation: RedisReply?)
        /// The sentinels are to name the primary and its term, after the list and the term were read.
        case unattested(Reading)
        case waiting(TermHandover, until: MonotonicTime)
    }

    /// The replies of the store.
    private struct Reading {
        let generation: RedisReply
        let term: RedisReply
        let trustMilliseconds: UInt64
        let readAt: MonotonicTime
    }

    private let needsAttestation: Bool
    private var state = State.wanted

    #if CANARIES
        /// Hands a term over as soon as it is attested.
        var skipsWait = false
    #endif

    init(needsAttestation: Bool) {
        self.needsAttestation = needsAttestation
    }

    /// When ``next(_:)`` has something to do.
    var due: MonotonicTime {
        if case .waiting(_, let until) = state { until } else { .never }
    }

    /// Whether the sentinels have to be asked for the primary's term.
    var isUnattested: Bool { if case .unattested = state { true } else { false } }

    /// A connection or the list is new: the term has to be read again.
    mutating func reset() {
        state = .wanted
    }

    /// The commands that ask for the term, once this worker is a member.
    mutating func ask() -> [(RedisCommand, CommandTag.Purpose)] {
        guard case .wanted = state else { return [] }
        state = .asked(generation: nil)
        return Array(zip(TermHandover.read, [.generation, .term]))
    }

    /// The list's generation.
    mutating func received(generation: RedisReply) {
        if case .asked = state { state = .asked(generation: generation) }
    }

    /// The store's term. The wait begins, or will with the next attestation.
    mutating func received(term: RedisReply, trustMilliseconds trust: UInt64, _ now: MonotonicTime)
    {
        guard case .asked(let generation?) = state else { return }
        let reading = Reading(
            generation: generation,
            term: term,
            trustMilliseconds: trust,
            readAt: now
        )
        if needsAttestation {
            state = .unattested(reading)
        } else {
            wait(reading, nil, from: now)
        }
    }

    /// A majority of the sentinels has named the store, in one version of their configuration.
    ///
    /// - Parameters:
    ///   - askedAt: When the first of them was asked.
    ///   - now: When the last of them has answered.
    mutating func attested(_ version: SentinelVersion, askedAt: MonotonicTime, _ now: MonotonicTime)
    {
        guard case .unattested(let reading) = state, reading.readAt < askedAt else { return }
        wait(reading, version, from: now)
    }

    private mutating func wait(
        _ reading: Reading,
        _ version: SentinelVersion?,
        from start: MonotonicTime
    ) {
        let trust = reading.trustMilliseconds
        guard trust > 0,
            let handover = TermHandover(
                reading.generation,
                reading.term,
                version,
                trustMilliseconds: trust
            )
        else {
            state = .idle
            return
        }
        var span = TrustSpan.milliseconds(ofTrust: trust)
        #if CANARIES
            if skipsWait { span = 0 }
        #endif
        state = .waiting(handover, until: start.advanced(byMilliseconds: span))
    }

    /// The command that hands the term over, when the wait is over.
    mutating func next(_ now: MonotonicTime) -> RedisCommand? {
        guard case .waiting(let handover, let until) = state, until <= now else { return nil }
        state = .idle
        return handover.command
    }
}
