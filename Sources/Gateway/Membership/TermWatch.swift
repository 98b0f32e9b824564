import Keyring
import RedisClient

/// Hands the store's term over to the membership list, so that the first change of a term need not wait.
///
/// Once this worker has been a member for as long as any like it may trust its cache, every other has
/// registered anew or trusts nothing: the list is whole. Where another server may become the primary, the wait
/// begins when the sentinels have attested this one: then no worker trusts a former one longer than that.
struct TermWatch {
    private enum State {
        case idle
        /// The term of the connection has not been asked for.
        case wanted
        case asked(generation: RedisReply?)
        /// The primary is to be attested anew, after the list and the term were read.
        case unattested(TermHandover, spanMilliseconds: UInt64, readAt: MonotonicTime)
        case waiting(TermHandover, until: MonotonicTime)
    }

    private let needsAttestation: Bool
    private var state = State.wanted

    init(needsAttestation: Bool) {
        self.needsAttestation = needsAttestation
    }

    /// When ``next(trustMilliseconds:_:)`` has something to do.
    var due: MonotonicTime {
        if case .waiting(_, let until) = state { until } else { .never }
    }

    /// A connection is new, or the list: what was known of its term is void.
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
        guard trust > 0, let handover = TermHandover(generation, term, trustMilliseconds: trust)
        else {
            state = .idle
            return
        }
        let span = TrustSpan.milliseconds(ofTrust: trust)
        state =
            needsAttestation
            ? .unattested(handover, spanMilliseconds: span, readAt: now)
            : .waiting(handover, until: now.advanced(byMilliseconds: span))
    }

    /// The sentinels say that the store was the primary at a moment.
    mutating func attested(at moment: MonotonicTime) {
        guard case .unattested(let handover, let span, let readAt) = state, readAt < moment
        else { return }
        state = .waiting(handover, until: moment.advanced(byMilliseconds: span))
    }

    #if CANARIES
        /// Begins the wait without an attestation.
        mutating func attestUnseen() {
            if case .unattested(_, _, let readAt) = state {
                attested(at: MonotonicTime(nanoseconds: readAt.nanoseconds + 1))
            }
        }
    #endif

    /// The command that hands the term over, when the wait is over.
    mutating func next(_ now: MonotonicTime) -> RedisCommand? {
        guard case .waiting(let handover, let until) = state, until <= now else { return nil }
        state = .idle
        return handover.command
    }
}
