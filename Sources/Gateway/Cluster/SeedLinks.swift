import Keyring
import RedisClient

/// Connections to seeds: servers of a cluster that are queried for the slot map while no primary answers, at the
/// start and after all known primaries are lost. The configured servers and those of the newest map are tried in
/// turn, a few at a time.
struct SeedLinks: ~Copyable {
    /// The number of servers that are tried at a time.
    static let count = 3

    /// The number of the first link.
    static let firstLink = UInt32(Seats.countMax) * StoreNode.linkCount

    /// The pause between two attempts on one connection.
    private static let pauseMilliseconds: UInt64 = 50

    /// The pause after a map, so that its primaries have time to answer.
    private static let mapPauseMilliseconds: UInt64 = 250

    /// The most servers of a map that are remembered.
    private static let candidatesMax = 256

    /// A server's reply to a map query.
    struct Answer {
        let server: Endpoint
        let query: UInt64
        let reply: RedisReply
    }

    private let links: [SeedLink]
    private let tls: StoreTLS?
    private let configured: [Endpoint]
    private var candidates: [Endpoint]
    private var turn = 0

    /// Whether servers are being tried.
    private(set) var isSearching = false

    /// The last failure, and its server.
    private(set) var failure: (server: Endpoint, reason: String)?

    /// Creates the value for a store that is no cluster.
    init() {
        links = []
        tls = nil
        configured = []
        candidates = []
    }

    init(_ url: ClusterURL, _ configuration: Configuration, _ credentials: RedisCredentials?) {
        tls = configuration.tls
        configured = url.servers
        candidates = url.servers
        links = (0..<Self.count).map { _ in
            SeedLink(
                LinkSettings(
                    endpoint: nil,
                    database: 0,
                    credentials: credentials,
                    timeoutMilliseconds: configuration.timeoutMilliseconds,
                    replyLengthMax: SlotMap.replyLengthMax
                )
            )
        }
    }

    /// The link with a number; `nil` if there is none.
    func link(_ number: UInt32) -> SeedLink? {
        guard number >= Self.firstLink, number - Self.firstLink < links.count else { return nil }
        return links[Int(number - Self.firstLink)]
    }

    /// The next order for a connection.
    func nextOrder() -> (link: UInt32, order: LinkOrder)? {
        for (index, seed) in links.enumerated() {
            if let order = seed.link.nextOrder() { return (Self.firstLink + UInt32(index), order) }
        }
        return nil
    }

    /// When a link has something to do.
    var due: MonotonicTime {
        links.reduce(.never) { min($0, $1.link.deadline, isSearching ? $1.nextAttempt : .never) }
    }

    /// Adds the servers of the newest map to those of the configuration.
    mutating func remember(_ map: SlotMap) {
        let named = map.primaries.indices.flatMap { index in
            [map.primaries[index]] + map.replicas(ofPrimary: index)
        }
        let others = named.map(\.address).filter { !configured.contains($0) }
        candidates = configured + others.prefix(Self.candidatesMax)
    }

    /// Begins or ends the search, and tries the next servers that are due.
    mutating func search(_ isNeeded: Bool, _ now: MonotonicTime) {
        if isSearching, !isNeeded { for seed in links { seed.pause(until: .origin, now) } }
        isSearching = isNeeded
        for seed in links {
            seed.link.tick(now)
            guard isSearching, seed.nextAttempt <= now, !candidates.isEmpty else { continue }
            let server = candidates[turn % candidates.count]
            turn += 1
            seed.try(server, certificateName: tls?.name(of: server), now)
        }
    }

    /// The next answer. Queries each server that has become ready.
    mutating func nextAnswer(_ reader: inout MapReader, _ now: MonotonicTime) -> Answer? {
        for seed in links {
            while let event = seed.link.nextEvent() {
                switch event {
                case .ready: seed.ask(reader.beginQuery(now), now)
                case .reply(let tag, let reply):
                    guard let server = seed.link.endpoint else { break }
                    let next = now.advanced(byMilliseconds: Self.mapPauseMilliseconds)
                    seed.pause(until: next, now)
                    return Answer(server: server, query: tag.number, reply: reply)
                case .lost(.replaced, _): break
                case .lost(let reason, _):
                    if let server = seed.link.endpoint { failure = (server, reason.description) }
                    seed.pause(until: now.advanced(byMilliseconds: Self.pauseMilliseconds), now)
                case .invalidated: break
                }
            }
        }
        return nil
    }

    /// A server has returned no usable map.
    mutating func failed(_ server: Endpoint, _ reason: String) {
        failure = (server, reason)
    }
}

/// One of these connections. A class, so that an array can hold noncopyable links.
final class SeedLink {
    /// The connection: orders, bytes and deadlines go straight to it.
    var link: RedisLink

    /// When the next server may be tried; never while one is.
    private(set) var nextAttempt = MonotonicTime.origin

    init(_ settings: LinkSettings) {
        link = RedisLink(settings)
    }

    func `try`(_ server: Endpoint, certificateName: String?, _ now: MonotonicTime) {
        link.move(to: server, certificateName: certificateName, now)
        link.tick(now)
        nextAttempt = .never
    }

    func ask(_ query: UInt64, _ now: MonotonicTime) {
        let tag = CommandTag(purpose: .slotMap, number: query, sentAt: now)
        _ = link.send(ClusterCommands.slots, tag: tag, now: now)
    }

    /// Closes the connection, and tries another server later.
    func pause(until next: MonotonicTime, _ now: MonotonicTime) {
        link.release(now)
        nextAttempt = next
    }
}
