import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Commands to the servers of a cluster.
struct ClusterStoreTests {
    private let clock = SimulatedClock()
    private let cluster: SimulatedCluster
    private let store: ClusterStore
    private let acme = Installation.acme.locator

    init() {
        let cluster = SimulatedCluster(clock)
        self.cluster = cluster
        store = Self.store(cluster, clock, seeds: [1, 0])
    }

    private static func store(_ cluster: SimulatedCluster, _ clock: SimulatedClock, seeds: [Int])
        -> ClusterStore
    {
        ClusterStore(seeds: seeds.map(cluster.endpoint), servers: cluster, clock: clock) {
            cluster.servers[cluster.number($0)]
        }
    }

    private var place: Place { .record(acme) }
    private var slot: Slot { place.slot! }
    private var record: String { "latchkey:record:{\(acme)}" }

    /// Writes to acme's record.
    private func write(onSameConnection: Bool = false) throws {
        _ = try store.at(place).execute(
            [RedisCommand("HSET", .text(record), "b", "c")],
            onSameConnection: onSameConnection
        )
    }

    private func fault(_ body: () throws -> Void) -> StoreConnection.Fault? {
        #expect(throws: StoreConnection.Fault.self) { try body() }
    }

    private func holders() -> [Int] {
        cluster.servers.indices.filter { cluster.servers[$0].hashes[record] != nil }
    }

    @Test func `commands go to the server that holds their slot, and all are asked once`() throws {
        try write()
        try write()
        #expect(holders() == [2])
        #expect(cluster.questions == 1)
        let connected = store.at(place).replicated?.connected
        #expect(connected?.primary.address == cluster.endpoint(2))
        #expect(connected?.replicas.map(\.description) == ["10.0.0.13:6379"])
        #expect(store.at(.membership).replicated?.connected == nil)
    }

    @Test func `commands about several places go to each server once, in order`() throws {
        let beta = Organization("beta")!.locator
        let parts: [PlacedCommands] = [
            (.record(acme), [KeyCommands.read(acme)]), (.membership, [Membership.read]),
            (.record(beta), [KeyCommands.read(beta)]), (.uses(acme), [UseCommands.read(acme)]),
        ]
        let replies = try store.carryOut(parts)
        #expect(replies.map(\.count) == [1, 1, 1, 1])
        #expect(
            cluster.servers.map { $0.calls.last } == [
                ["HGETALL"], ["HMGET"], ["HMGET", "ZSCORE"], nil,
            ]
        )
    }

    @Test func `a command that is sent on goes to the other server at once`() throws {
        try write()
        cluster.move(slot, to: 1)
        try write()
        #expect(holders() == [1])
        #expect(store.at(place).replicated?.connected?.primary.address == cluster.endpoint(1))
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test func `what a server said of itself counts for nothing if it was the wrong one`() throws {
        try write()
        cluster.move(slot, to: 1)
        let replies = try store.at(place).execute([KeyCommands.read(acme), Term.read])
        #expect(StoreInformation(replies[1])?["master_replid"] == "r2")
    }

    @Test func `a key that was moved already is read at the target of the move`() throws {
        try write()
        cluster.moves[slot] = .init(source: 2, target: 1)
        cluster.servers[1].hashes[record] = cluster.servers[2].hashes.removeValue(forKey: record)
        let reply = try store.at(place).execute([RedisCommand("HMGET", .text(record), "b")])[0]
        #expect(reply.array?.first?.string == "c")
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test
    func `what is watched is not read while it is being moved, but ten seconds later it is said`()
        throws
    {
        cluster.moves[slot] = .init(source: 2, target: 1)
        let commands = [KeyCommands.watch(acme), KeyCommands.read(acme)]
        guard case .unreachable(let text) = fault({ _ = try store.at(place).execute(commands) })
        else {
            Issue.record("another fault")
            return
        }
        #expect(text == "slot \(slot) of the cluster is being moved to 10.0.0.2:6379")
        #expect(clock.elapsedMilliseconds == 10_000)
        #expect(cluster.servers[1].calls.isEmpty)
    }

    @Test func `a move that ends is waited for`() throws {
        cluster.moves[slot] = .init(source: 2, target: 1)
        clock.at(3000) { [cluster, slot] in
            cluster.moves = [:]
            cluster.move(slot, to: 1)
        }
        _ = try store.at(place).execute([KeyCommands.watch(acme), KeyCommands.read(acme)])
        #expect(cluster.servers[1].calls == [["WATCH", "HMGET"]])
        #expect((3000..<3100).contains(clock.elapsedMilliseconds))
    }

    @Test func `a transaction that was turned away is carried out as a whole where the keys are`()
        throws
    {
        try write()
        cluster.move(slot, to: 1)
        var generator = SystemRandomNumberGenerator()
        let id = SignalID(at: clock.unix, using: &generator)
        let signal = Signal(.barrier, about: acme, id: id)
        let replies = try store.at(place).execute(signal.transaction + [signal.popAcknowledgements])
        #expect(replies[3].array?.count == 2)
        #expect(cluster.servers.map(\.signals.count) == [0, 1, 0, 0])
    }

    @Test func `a server that is lost is waited for until another one has taken over`() throws {
        try write()
        cluster.servers[2].isDown = true
        #expect(fault { try write() } == .interrupted("it is down"))
        clock.at(4000) { [cluster] in cluster.failOver(2, to: 3) }
        try write()
        #expect((4000..<4100).contains(clock.elapsedMilliseconds))
        #expect(cluster.servers[3].hashes[record] != nil)
    }

    @Test func `a cluster that is down is waited for for thirty seconds, and only once`() throws {
        cluster.isolated = [0, 1, 2]
        guard case .unreachable(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(text.hasSuffix("is temporarily unavailable: CLUSTERDOWN The cluster is down"))
        #expect(clock.elapsedMilliseconds == 30_000)
        _ = fault { try write() }
        #expect(clock.elapsedMilliseconds == 30_000)
        cluster.isolated = []
        try write()
        #expect(holders() == [2])
    }

    @Test func `without patience a move is followed, and nothing is waited for`() throws {
        try write()
        store.patienceMilliseconds = 0
        cluster.move(slot, to: 0)
        try write()
        #expect(holders() == [0])
        cluster.isolated = [0, 1, 2]
        _ = fault { try write() }
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test func `commands for the same connection stay with the server of the previous ones`() throws
    {
        #expect(fault { try write(onSameConnection: true) } != nil)
        try write()
        try write(onSameConnection: true)
        cluster.move(slot, to: 1)
        let replies = try store.at(place).execute([KeyCommands.read(acme)], onSameConnection: true)
        #expect(replies[0].failure?.code == "MOVED")
        try write(onSameConnection: true)
        _ = try store.at(.membership).execute([Membership.read])
        #expect(fault { try write(onSameConnection: true) } != nil)
    }

    @Test func `servers that redirect commands in a loop are left after thirty seconds`() throws {
        try write()
        cluster.owners[2][slot.number] = 1
        guard case .unreachable(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(text == "the cluster redirects commands in a loop")
        #expect(clock.elapsedMilliseconds == 30_000)
    }

    @Test func `a cluster of two primaries is refused at once`() {
        let cluster = SimulatedCluster(clock, primaries: 2)
        let store = ClusterStore(seeds: [cluster.endpoint(0)], servers: cluster, clock: clock) {
            cluster.servers[cluster.number($0)]
        }
        guard case .refused(let text) = fault({ _ = try store.at(place).execute([Term.read]) })
        else {
            Issue.record("another fault")
            return
        }
        #expect(text.contains("too few primaries with slots, 2"))
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test func `servers that may not say which there are end the wait at once`() {
        for server in cluster.servers {
            server.turnAway = { _ in .error(ArraySlice("NOPERM no right to cluster".utf8)) }
        }
        guard case .refused(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(text.contains("the store at 10.0.0.2:6379 refused: NOPERM"))
        #expect(clock.elapsedMilliseconds == 0)
    }

    // MARK: - What the primaries say of each other

    @Test func `the holder of a slot is who all others name`() throws {
        let place = store.at(place)
        #expect(
            try place.replicated?.findPrimary(unanimously: true).primary.address
                == cluster.endpoint(2)
        )
        #expect(cluster.servers[2].calls.isEmpty)
    }

    @Test func `a server that has lost sight of most others attests nobody`() throws {
        cluster.isolated = [0]
        let found = try? store.at(place).replicated?.findPrimary()
        #expect(found == nil)
        guard
            case .unreachable(let text) = fault({
                _ = try store.at(place).replicated?.findPrimary()
            })
        else {
            Issue.record("another fault")
            return
        }
        #expect(
            text.contains("do not agree on who holds slot \(slot) (10.0.0.1:6379: names no other")
        )
    }

    @Test func `a former primary that nobody else names is left`() throws {
        try write()
        let thirds = cluster.owners[2]
        cluster.failOver(2, to: 3)
        cluster.owners[2] = thirds
        let named = try store.at(place).replicated?.findPrimary()
        #expect(named?.primary.address == cluster.endpoint(3))
        #expect(store.at(place).replicated?.connected == nil)
        try write()
        #expect(cluster.servers[3].calls.count == 1)
    }

    @Test func `what a server said before does not outweigh what all of them say now`() throws {
        try write()
        cluster.failOver(2, to: 3)
        store.learn(slot, cluster.endpoint(2))
        let named = try store.at(place).replicated?.findPrimary(unanimously: true)
        #expect(named?.primary.address == cluster.endpoint(3))
    }

    @Test(arguments: [false, true])
    func `whom the others name is not believed where another one was elected since`(follows: Bool)
        throws
    {
        let store = Self.store(cluster, clock, seeds: [3, 1, 0])
        let before = cluster.owners[0]
        cluster.failOver(2, to: 3)
        if !follows { cluster.leaveBehind(2) }
        for view in 0..<3 { cluster.owners[view] = before }
        cluster.untold = [3]
        let fault = fault { _ = try store.at(place).replicated?.findPrimary() }
        #expect(fault?.text.contains("is held by 10.0.0.4:6379 since a later epoch") == true)
        for view in 0..<3 { cluster.owners[view] = cluster.owners[3] }
        let named = try store.at(place).replicated?.findPrimary()
        #expect(named?.primary.address == cluster.endpoint(3))
    }
}

extension ClusterStoreTests {
    @Test func `of servers that know the same epoch a primary is believed`() throws {
        let store = Self.store(cluster, clock, seeds: [0, 1, 2, 3])
        let owners = cluster.owners[0].map { $0 == 0 ? 3 : $0 }
        cluster.owners = cluster.owners.map { _ in owners }
        for view in 1..<4 { cluster.owners[view][slot.number] = 1 }
        let named = try store.at(place).replicated?.findPrimary(unanimously: true)
        #expect(named?.primary.address == cluster.endpoint(1))
    }
}

extension RedisReply {
    /// The elements; `nil` for any other reply.
    var array: [RedisReply]? { if case .array(let elements) = self { elements } else { nil } }
}
