import Keyring
import RedisClient

/// What the store says about all workers that may trust their caches, read at one moment.
struct FleetReading {
    /// Reads it; ``init(_:bootID:at:)`` parses the replies.
    static var commands: [RedisCommand] { [Membership.read, Term.read] }

    let membership: Membership
    let term: Term?

    /// When the replies had arrived.
    let readAt: MonotonicTime

    /// Parses the replies.
    ///
    /// - Throws: The error, if Redis did not send the list.
    init(_ replies: [RedisReply], bootID: String, at now: MonotonicTime) throws(RedisError) {
        membership = try Membership(replies[0], bootID: bootID)
        term = Term(replies[1])
        readAt = now
    }

    /// When a member can no longer trust what it cached before the reading.
    func trustEnd(of member: Member) -> MonotonicTime {
        end(ofTrust: member.trustMilliseconds, from: readAt)
    }

    /// The same for a suspect. A note of this machine may show that it has ended already.
    func trustEnd(of suspect: Suspect) -> MonotonicTime {
        let start = suspect.movedAt.map { min($0, readAt) } ?? readAt
        return end(ofTrust: suspect.member.trustMilliseconds, from: start)
    }

    /// When no worker that the list lacks can trust what it cached before.
    ///
    /// - Parameter trust: How long it may trust its cache at most.
    func unlistedTrustEnd(_ trust: UInt64) -> MonotonicTime {
        if membership.isWhole(in: term, forMilliseconds: trust) { return readAt }
        let start = membership.waitBegan(term) ?? readAt
        return end(ofTrust: trust, from: min(start, readAt))
    }

    private func end(ofTrust trust: UInt64, from start: MonotonicTime) -> MonotonicTime {
        let span = TrustSpan.milliseconds(ofTrust: trust)
        return span == .max ? .never : start.advanced(byMilliseconds: span)
    }
}
