import Keyring
import RedisClient

/// The sentinels that name the primary, each on its own connection; none if the configuration names a single
/// server.
struct Sentinels: ~Copyable {
    /// A change in a sentinel's state. Sentinels are identified by their endpoints.
    enum Event {
        /// It has named a primary. It may not have done so before.
        case named(by: Endpoint, isNew: Bool)
        /// It no longer names a primary, for a reason in a few words.
        case silent(Endpoint, String)
        /// It has reported in which version of its configuration the primary stands.
        case reported
    }

    /// The number of the first sentinel's link.
    static let firstLink = StoreNode.linkCount

    /// Whether there are any. Read at each turn of the event loop.
    let isUsed: Bool

    /// How many there are.
    let count: Int

    /// How many of them have to agree.
    let majority: Int

    private let digest: String
    private let links: [SentinelLink]
    private let questions: [(RedisCommand, CommandTag.Purpose)]

    /// Where the primary is, as they say.
    var attestation: Attestation<Endpoint>

    /// Since when it is the primary, as they say where they were asked.
    var termAttestation: Attestation<ElectedPrimary>

    /// Whether they are asked that, too.
    var isTermWanted = false

    /// When the loss of the attestation has to be reported; `nil` once it has been. The origin until the first
    /// tick.
    var reportDue: MonotonicTime? = .origin

    /// Number of the sentinels that are connected.
    var connectedCount: Int { links.count { $0.link.isReady } }

    /// The version of their configuration that names a primary.
    func version(_ elected: ElectedPrimary) -> SentinelVersion {
        SentinelVersion(configEpoch: elected.configEpoch, witnesses: digest)
    }

    /// No sentinels.
    init() {
        isUsed = false
        (count, majority) = (0, 0)
        digest = ""
        links = []
        questions = []
        attestation = Attestation(sentinelCount: 0, majority: 1)
        termAttestation = Attestation(sentinelCount: 0, majority: 1)
    }

    init(_ url: SentinelURL, _ configuration: Configuration, _ credentials: RedisCredentials?) {
        isUsed = true
        (count, majority) = (url.sentinels.count, url.majority)
        digest = url.digest
        let interval = Heartbeat.Interval(leaseMilliseconds: configuration.fenceMilliseconds)
        links = url.sentinels.map { endpoint in
            let settings = LinkSettings(
                endpoint: endpoint,
                certificateName: configuration.tls?.name(of: endpoint),
                database: 0,
                credentials: credentials,
                timeoutMilliseconds: configuration.timeoutMilliseconds
            )
            return SentinelLink(endpoint, settings, interval)
        }
        questions = [
            (SentinelCommands.primaryAddress(url.name), .primaryAddress),
            (SentinelCommands.primary(url.name), .primaryReport),
        ]
        attestation = Attestation(sentinelCount: count, majority: majority)
        termAttestation = Attestation(sentinelCount: count, majority: majority)
    }
}

// MARK: - Links by number

extension Sentinels {
    /// The next order for a connection.
    func nextOrder() -> (link: UInt32, order: LinkOrder)? {
        for (index, sentinel) in links.enumerated() {
            if let order = sentinel.link.nextOrder() {
                return (Self.firstLink + UInt32(index), order)
            }
        }
        return nil
    }

    /// The link with a number; `nil` if there is none.
    func link(_ number: UInt32) -> SentinelLink? {
        guard number >= Self.firstLink, number - Self.firstLink < links.count else { return nil }
        return links[Int(number - Self.firstLink)]
    }

    /// When a link has something to do.
    ///
    /// - Parameter isAsking: Whether the sentinels are still asked.
    func due(isAsking: Bool) -> MonotonicTime {
        links.reduce(.never) { due, sentinel in
            min(due, sentinel.link.deadline, isAsking ? sentinel.due : .never)
        }
    }

    /// Lets the links do what is due.
    func tick(_ now: MonotonicTime) {
        for sentinel in links { sentinel.link.tick(now) }
    }

    /// Queries the sentinels that are due.
    func ask(_ now: MonotonicTime) {
        let questions = isTermWanted ? questions : Array(questions.prefix(1))
        for sentinel in links { sentinel.ask(questions, now) }
    }

    /// Whether a primary may still be named without a pause.
    func isFinding(_ now: MonotonicTime) -> Bool {
        links.contains { $0.link.isReady || $0.link.isConnecting(now) }
    }

    /// The next event. The attestation already reflects it.
    mutating func nextEvent(_ now: MonotonicTime) -> Event? {
        for index in links.indices {
            while let event = links[index].link.nextEvent() {
                if let event = handle(event, index, now) { return event }
            }
        }
        return nil
    }

    private mutating func handle(_ event: RedisLink.Event, _ index: Int, _ now: MonotonicTime)
        -> Event?
    {
        let sentinel = links[index]
        switch event {
        case .ready:
            sentinel.askNow(now)
            for other in links { other.link.retryNow(now) }
            return nil
        case .reply(let tag, let reply) where tag.purpose == .primaryReport:
            let primary = ElectedPrimary(reply)
            termAttestation.answered(index, primary, askedAt: tag.sentAt, at: now)
            return .reported
        case .reply(let tag, let reply):
            let primary = PrimaryAddress.endpoint(reply)
            attestation.answered(index, primary, askedAt: tag.sentAt, at: now)
            guard primary == nil else {
                return .named(by: sentinel.endpoint, isNew: sentinel.note(silence: nil))
            }
            return silence(of: sentinel, Self.reason(reply))
        case .lost(let failure, _): return silence(of: sentinel, failure.description)
        case .invalidated: return nil
        }
    }

    private func silence(of sentinel: SentinelLink, _ reason: String) -> Event? {
        sentinel.note(silence: reason) ? .silent(sentinel.endpoint, reason) : nil
    }

    private static func reason(_ reply: RedisReply) -> String {
        switch reply {
        case .error: "refused: \(reply.failure?.message ?? "")"
        case .null: "it monitors no primary with this name"
        default: "it does not name the primary by an IP address"
        }
    }
}
