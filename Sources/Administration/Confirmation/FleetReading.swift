import Keyring
import RedisClient

/// What the store says about all workers that may trust their caches, read at one moment.
struct FleetReading {
    /// Reads it; ``init(_:bootID:at:)`` parses the replies.
    static var commands: [RedisCommand] { [Membership.read, Term.read] }

    let membership: Membership
    let term: Term?

    /// The primary that replied; `nil` where the store is one server.
    let primary: Primary?

    /// When the replies had arrived.
    let readAt: MonotonicTime

    /// When the sentinels had named that primary, asked after the reading; `nil` if they were not asked.
    var attestedAt: MonotonicTime?

    /// Parses the replies.
    ///
    /// - Throws: The error, if Redis did not send the list.
    init(
        _ replies: [RedisReply],
        bootID: String,
        at now: MonotonicTime,
        from primary: Primary? = nil
    ) throws(RedisError) {
        membership = try Membership(replies[0], bootID: bootID)
        term = Term(replies[1], configEpoch: primary?.configEpoch)
        self.primary = primary
        readAt = now
    }

    /// Whether a reply to ``Term/read`` comes from the same term.
    ///
    /// - Parameter primary: The primary that replied.
    func isSameTerm(_ reply: RedisReply?, from primary: Primary?) -> Bool {
        primary == self.primary
            && reply.flatMap { Term($0, configEpoch: primary?.configEpoch) } == term
    }

    /// Whether the list may lack workers, and nobody on this machine has begun to wait for them.
    ///
    /// - Parameter trust: How long they may trust their caches at most.
    func beginsWait(_ trust: UInt64) -> Bool {
        !membership.isWhole(in: term, forMilliseconds: trust) && membership.waitBegan(term) == nil
    }

    /// When the wait for workers that the list may lack began. A former primary may have let them trust their
    /// caches until the sentinels named this one.
    var waitBeganAt: MonotonicTime {
        membership.waitBegan(term).map { min($0, readAt) } ?? attestedAt ?? readAt
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
        return end(ofTrust: trust, from: waitBeganAt)
    }

    private func end(ofTrust trust: UInt64, from start: MonotonicTime) -> MonotonicTime {
        let span = TrustSpan.milliseconds(ofTrust: trust)
        return span == .max ? .never : start.advanced(byMilliseconds: span)
    }
}
