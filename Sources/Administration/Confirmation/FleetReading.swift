import Keyring
import RedisClient

/// What the store says about all workers that may trust their caches, read at one moment.
struct FleetReading {
    /// Reads it; ``init(_:bootID:at:from:record:)`` parses the replies.
    static var commands: [RedisCommand] { [Membership.read, Term.read] }

    /// A server whose term counts, and which must be the primary still once a change is confirmed.
    struct Server {
        /// What it holds: the membership list, or the record.
        let place: Place

        /// The server; `nil` where the store is one server.
        let primary: Primary?
        let term: Term?
    }

    let membership: Membership

    /// The server that has the list. In a cluster the server of the record follows: workers may trust what it has said, and
    /// the list of the other one may lack workers.
    let servers: [Server]

    /// When the replies had arrived.
    let readAt: MonotonicTime

    /// When the witnesses had named those servers, asked after the reading; `nil` if they were not asked.
    var attestedAt: MonotonicTime?

    /// Parses the replies.
    ///
    /// - Parameter record: The server of the record, if that is another place.
    /// - Throws: The error, if Redis did not send the list.
    init(
        _ replies: [RedisReply],
        bootID: String,
        at now: MonotonicTime,
        from primary: Primary? = nil,
        record: Server? = nil
    ) throws(RedisError) {
        self.init(
            try Membership(replies[0], bootID: bootID),
            Server(place: .membership, primary: primary, replies[1]),
            record,
            at: now
        )
    }

    private init(_ membership: Membership, _ list: Server, _ record: Server?, at now: MonotonicTime)
    {
        self.membership = membership
        servers = [list] + (record.map { [$0] } ?? [])
        readAt = now
    }

    /// The same list, with the server of another record.
    func with(record: Server?) -> FleetReading {
        FleetReading(membership, servers[0], record, at: readAt)
    }

    /// The server that holds the record, or everything.
    var recordServer: Server { servers[servers.count - 1] }

    /// The terms that have not been handed over to the list.
    ///
    /// - Parameter trust: How long workers that the list lacks may trust their caches at most.
    func unknownTerms(_ trust: UInt64) -> [Term?] {
        servers.map { asListed($0.term) }
            .filter { !membership.isWhole(in: $0, forMilliseconds: trust) }
    }

    /// A term as the list names it; `nil` if the list's own is unknown.
    func asListed(_ term: Term?) -> Term? {
        servers[0].term.flatMap { term?.besides(listOf: $0) }
    }

    /// Whether the list may lack workers, and nobody on this machine has begun to wait for them.
    func beginsWait(_ trust: UInt64) -> Bool {
        unknownTerms(trust).contains { membership.waitBegan($0) == nil }
    }

    /// When the wait for workers that the list may lack in a term began. A former primary may have let them trust their
    /// caches until the witnesses named this one.
    func waitBeganAt(_ term: Term?) -> MonotonicTime {
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
        unknownTerms(trust).map { end(ofTrust: trust, from: waitBeganAt($0)) }.max() ?? readAt
    }

    private func end(ofTrust trust: UInt64, from start: MonotonicTime) -> MonotonicTime {
        let span = TrustSpan.milliseconds(ofTrust: trust)
        return span == .max ? .never : start.advanced(byMilliseconds: span)
    }
}

extension FleetReading.Server {
    /// - Parameter reply: To ``Term/read``.
    init(place: Place, primary: Primary?, _ reply: RedisReply?) {
        self.place = place
        self.primary = primary
        term = reply.flatMap { Term($0, primary?.version) }
    }

    /// Whether a reply to ``Term/read`` comes from the same term.
    ///
    /// - Parameter primary: The primary that replied.
    func isSameTerm(_ reply: RedisReply?, from primary: Primary?) -> Bool {
        primary == self.primary
            && reply.flatMap { Term($0, primary?.version) } == term
    }
}
