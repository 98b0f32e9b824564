import Keyring
import RedisClient

/// Connections to servers of a cluster that are asked for the map of slots where no primary can be: at the start,
/// and after all that were known are gone. The servers of the configuration and of the newest map are tried in turn, a few at a time.
struct SeedLinks: ~Copyable {
    /// Servers that are tried at a time.
    static let count = 3

    /// The number of the first link.
    static let firstLink = UInt32(Seats.countMax) * StoreNode.linkCount

    /// Between two attempts on one connection.
    private static let pauseMilliseconds: UInt64 = 50

    /// The same after a map, whose primaries are given time to answer.
    private static let patienceMilliseconds: UInt64 = 250

    /// Servers of a map that are remembered.
    private static let candidatesMax = 256

    /// An answer.
    struct Answer {
        let server: Endpoint
        let number: UInt64
        let reply: RedisReply
    }

    private let links: [SeedLink]
    private let tls: StoreTLS?
    private let configured: [Endpoint]
    private var candidates: [Endpoint]
    private var turn = 0

    /// Whether servers are being tried: one may answer soon.
    private(set) var isSearching = false

    /// Why the last attempt failed, with the server.
    private(set) var failure: (server: Endpoint, reason: String)?

    /// None.
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

    /// The link of a number; `nil` where there is none.
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

    /// Remembers the servers of the newest map, to be tried as well as those in the configuration.
    mutating func remember(_ map: SlotMap) {
        let named = map.primaries.indices.flatMap { index in
            [map.primaries[index]] + map.replicas(ofPrimary: index)
        }
        let others = named.map(\.address).filter { !configured.contains($0) }
        candidates = configured + others.prefix(Self.candidatesMax)
    }

    /// Begins or ends the search, and tries the next servers where that is due.
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

    /// The next answer. Servers that have become ready are asked.
    mutating func nextAnswer(_ reader: inout MapReader, _ now: MonotonicTime) -> Answer? {
        for seed in links {
            while let event = seed.link.nextEvent() {
                switch event {
                case .ready: seed.ask(reader.ask(now), now)
                case .reply(let tag, let reply):
                    guard let server = seed.link.endpoint else { break }
                    let patience = now.advanced(byMilliseconds: Self.patienceMilliseconds)
                    seed.pause(until: patience, now)
                    return Answer(server: server, number: tag.number, reply: reply)
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

    /// A server has given no map that can be used.
    mutating func failed(_ server: Endpoint, _ reason: String) {
        failure = (server, reason)
    }
}

/// One of these connections. A class, so that they stand in an array.
final class SeedLink {
    /// The connection: orders, bytes and deadlines go straight to it.
    var link: RedisLink

    /// When another server may be tried; never while one is.
    private(set) var nextAttempt = MonotonicTime.origin

    init(_ settings: LinkSettings) {
        link = RedisLink(settings)
    }

    func `try`(_ server: Endpoint, certificateName: String?, _ now: MonotonicTime) {
        link.move(to: server, certificateName: certificateName, now)
        link.tick(now)
        nextAttempt = .never
    }

    func ask(_ number: UInt64, _ now: MonotonicTime) {
        let tag = CommandTag(purpose: .slotMap, number: number, sentAt: now)
        _ = link.send(ClusterCommands.slots, tag: tag, now: now)
    }

    /// Gives the server up, and tries another one later.
    func pause(until next: MonotonicTime, _ now: MonotonicTime) {
        link.release(now)
        nextAttempt = next
    }
}
