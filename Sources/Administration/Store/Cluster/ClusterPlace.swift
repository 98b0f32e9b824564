import KeyFormat
import Keyring
import RedisClient

/// The part of a cluster that has one place: the server that holds it, whoever that is.
final class ClusterPlace: ReplicatedStore {
    private let store: ClusterStore
    private let place: Place

    init(_ store: ClusterStore, _ place: Place) {
        (self.store, self.place) = (store, place)
    }

    var replicated: (any ReplicatedStore)? { self }

    var cluster: (any ClusteredStore)? { store }

    func at(_ place: Place) -> any StoreChannel { ClusterPlace(store, place) }

    var isReady: Bool { store.isReady(at: place) }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if onSameConnection { return try store.continueConnection(commands, at: place) }
        return try store.carryOut([(place, commands)])[0]
    }

    func renew() {
        if let server = store.server(of: place) { store.close(server) }
    }

    var patienceMilliseconds: UInt64 {
        get { store.patienceMilliseconds }
        set { store.patienceMilliseconds = newValue }
    }

    var connected: NamedPrimary? { isReady ? store.named(at: place) : nil }

    func findPrimary(unanimously: Bool) throws(StoreConnection.Fault) -> NamedPrimary {
        try store.attestedPrimary(of: place, unanimously: unanimously)
    }
}

extension ClusterStore: ReplicatedStore, ClusteredStore {
    /// The place of commands that name none.
    private var standard: ClusterPlace { ClusterPlace(self, .membership) }

    var replicated: (any ReplicatedStore)? { self }

    var cluster: (any ClusteredStore)? { self }

    func at(_ place: Place) -> any StoreChannel { ClusterPlace(self, place) }

    var isReady: Bool { standard.isReady }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        try standard.execute(commands, onSameConnection: onSameConnection)
    }

    func renew() { standard.renew() }

    var connected: NamedPrimary? { standard.connected }

    func findPrimary(unanimously: Bool) throws(StoreConnection.Fault) -> NamedPrimary {
        try standard.findPrimary(unanimously: unanimously)
    }

    func owner(of place: Place) -> Primary? { named(at: place)?.primary }

    func isAgreed(on place: Place) -> Bool {
        guard let survey, let slot = place.slot, let server = server(of: place) else {
            return false
        }
        let quorum = Self.quorum(survey.primaries.count)
        return survey.isAgreed(slot, heldBy: server, quorum: quorum)
    }
}

// MARK: - What the primaries say of each other

extension ClusterStore {
    /// The primary that holds a place, as the other primaries say: each is asked for a key of the place, and says by an
    /// error who holds it. A server that has lost sight of most others does not answer that.
    ///
    /// - Parameter unanimously: Whether all others have to name it. Most are enough to know that two shards at once have
    ///   not failed over unnoticed.
    /// - Throws: A fault if they do not agree.
    func attestedPrimary(of place: Place, unanimously: Bool) throws(StoreConnection.Fault)
        -> NamedPrimary
    {
        let wasConnected = server(of: place)
        let (replies, survey) = try probe(place)
        guard let slot = place.slot else { throw .unreachable("a server holds no slot of its own") }
        let primaries = survey.primaries.map(\.node.address)
        guard Self.primariesMin <= primaries.count else { throw .refused(Self.tooFew(survey)) }
        let votes = Self.votes(replies, of: primaries, slot)
        for candidate in primaries.compactMap({ votes[$0] }) {
            let others = primaries.filter { $0 != candidate }
            let count = others.count { votes[$0] == candidate }
            guard (unanimously ? others.count : Self.quorum(primaries.count)) <= count else {
                continue
            }
            if let holder = survey.holder(of: slot, newerThan: candidate) {
                throw .unreachable(
                    "slot \(slot) of the cluster is held by \(holder) since a later epoch than the other primaries know"
                )
            }
            if server(of: place) != candidate { learn(slot, candidate) }
            if let wasConnected, wasConnected != candidate { close(wasConnected) }
            if let primary = named(at: place) { return primary }
        }
        throw .unreachable(Self.dispute(slot, primaries, votes))
    }

    /// Asks all primaries for a key of a place.
    private func probe(_ place: Place) throws(StoreConnection.Fault)
        -> ([Endpoint: RedisReply], ClusterSurvey)
    {
        if survey == nil { _ = try refresh() }
        let asked = Set(known)
        var replies = try refresh(asking: place.probe)
        if survey?.primaries.contains(where: { !asked.contains($0.node.address) }) == true {
            replies = try refresh(asking: place.probe)
        }
        guard let survey else { throw .unreachable("no server of the cluster answers") }
        return (replies, survey)
    }

    /// How many of the others have to name a primary.
    private static func quorum(_ primaries: Int) -> Int { min(primaries - 1, primaries / 2 + 1) }

    /// Whom each primary names.
    private static func votes(
        _ replies: [Endpoint: RedisReply],
        of primaries: [Endpoint],
        _ slot: Slot
    ) -> [Endpoint: Endpoint] {
        var votes: [Endpoint: Endpoint] = [:]
        for server in primaries {
            guard let reply = replies[server],
                case .moved(slot, let named) = Redirection(reply, from: server)
            else { continue }
            votes[server] = named
        }
        return votes
    }

    private static func dispute(
        _ slot: Slot,
        _ primaries: [Endpoint],
        _ votes: [Endpoint: Endpoint]
    ) -> String {
        let words = primaries.map {
            "\($0): \(votes[$0].map { "names \($0)" } ?? "names no other")"
        }
        return
            "the primaries of the cluster do not agree on who holds slot \(slot) (\(words.joined(separator: "; ")))"
    }

    /// The terms of all primaries; `nil` if one does not report its own.
    func terms() -> [Term]? {
        guard let primaries = survey?.primaries.map(\.node.address) else { return nil }
        let terms = servers.ask(primaries, [Term.read]).map { answer -> Term? in
            guard let reply = try? answer.get().first,
                StoreInformation(reply)?.isPrimary == true
            else { return nil }
            return Term(reply)
        }
        let known = terms.compactMap(\.self)
        return known.count == primaries.count ? known : nil
    }
}

extension Place {
    /// A command that a server without the place answers by naming the one that has it.
    var probe: RedisCommand {
        switch self {
        case .record(let locator), .uses(let locator): KeyCommands.read(locator)
        case .membership, .flushes, .server: Membership.probe
        }
    }
}
