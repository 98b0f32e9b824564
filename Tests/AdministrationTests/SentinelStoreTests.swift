import Keyring
import RedisClient
import Testing

@testable import Administration

/// Commands to the primary that sentinels name.
struct SentinelStoreTests {
    private let clock = SimulatedClock()
    private let sentinels = SimulatedSentinels([])
    private let servers: [SimulatedStore]
    private let store: SentinelStore

    init() throws {
        let clock = clock
        let servers = (0..<2).map { _ in SimulatedStore(clock) }
        let configuration = try Configuration([
            Directive(name: "latchkey_store", values: [SimulatedSentinels.configuration])
        ])
        self.servers = servers
        store = try .simulated(configuration, sentinels, clock) {
            servers[$0.description == "10.0.0.1:6379" ? 0 : 1]
        }
        sentinels.say(.init(1))
    }

    private func write(onSameConnection: Bool = false) throws {
        _ = try store.execute(
            [RedisCommand("HSET", "a", "b", "c")],
            onSameConnection: onSameConnection
        )
    }

    private func fault(_ body: () throws -> Void) -> StoreConnection.Fault? {
        #expect(throws: StoreConnection.Fault.self) { try body() }
    }

    @Test func `commands go to the server that is named, and the sentinels are asked once`() throws
    {
        try write()
        try write()
        #expect(servers.map { $0.hashes.count } == [1, 0])
        #expect(sentinels.questions == 1)
        #expect(store.connected?.primary.address.description == "10.0.0.1:6379")
    }

    @Test func `a server that became a replica is left, and what it refused counts as uncertain`()
        throws
    {
        try write()
        servers[0].role = "slave"
        sentinels.say(.init(2, epoch: 2))
        guard case .interrupted(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(text.contains("10.0.0.1:6379 is not the primary: READONLY"))
        #expect(!store.isReady && store.connected == nil)
        try write()
        #expect(servers[1].hashes.count == 1)
    }

    @Test func `sentinels that do not agree are asked until they do`() throws {
        sentinels.answers = (0..<3).map { _ in SimulatedSentinels.silent }
        clock.at(7000) { [sentinels] in sentinels.say(.init(2)) }
        try write()
        #expect(clock.elapsedMilliseconds == 7000)
        #expect(servers[1].hashes.count == 1)
    }

    @Test func `after thirty seconds it is said what they say, and nothing was sent`() throws {
        sentinels.answers[2] = SimulatedSentinels.Word(2, epoch: 2).answer
        guard case .unreachable(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(clock.elapsedMilliseconds == 30_000)
        #expect(text.contains("10.0.1.3:26379: 10.0.0.2:6379"))
        #expect(servers.allSatisfy { $0.calls.isEmpty })
    }

    @Test func `who has waited in vain once does not wait again`() throws {
        sentinels.answers = (0..<3).map { _ in SimulatedSentinels.silent }
        _ = fault { try write() }
        _ = fault { try write() }
        #expect(clock.elapsedMilliseconds == 30_000)
        sentinels.say(.init(1))
        try write()
        servers[0].isDown = true
        _ = fault { try write() }
        _ = fault { try write() }
        #expect(clock.elapsedMilliseconds == 60_000)
    }

    @Test func `a refusal by a majority ends the wait at once`() throws {
        sentinels.answers = (0..<3).map { _ in SimulatedSentinels.refusing }
        guard case .refused = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test func `a server that does not report itself as the primary is not taken for it`() throws {
        servers[0].role = "slave"
        clock.at(2000) { [servers] in servers[0].role = "master" }
        try write()
        #expect(clock.elapsedMilliseconds == 2000)
    }

    @Test func `a server that may not say its role is not asked again`() throws {
        servers[0].refused = ["INFO"]
        guard case .refused(let text) = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(text.contains("does not report itself as the primary: NOPERM"))
        #expect(clock.elapsedMilliseconds == 0)
    }

    @Test func `a server that cannot be reached is waited for, and asked for anew`() throws {
        servers[0].isDown = true
        clock.at(3000) { [sentinels] in sentinels.say(.init(2, epoch: 2)) }
        try write()
        #expect(clock.elapsedMilliseconds == 3000)
        #expect(servers[1].hashes.count == 1)
    }

    @Test func `without patience the sentinels are asked once`() throws {
        sentinels.answers = (0..<3).map { _ in SimulatedSentinels.silent }
        store.patienceMilliseconds = 0
        guard case .unreachable = fault({ try write() }) else {
            Issue.record("another fault")
            return
        }
        #expect(sentinels.questions == 1)
    }

    @Test func `commands for the same connection open no other one`() throws {
        try write()
        servers[0].isDown = true
        _ = fault { try write() }
        servers[0].isDown = false
        guard case .unreachable = fault({ try write(onSameConnection: true) }) else {
            Issue.record("another fault")
            return
        }
        try write()
        try write(onSameConnection: true)
    }

    @Test func `asking anew keeps the connection to the same primary alone`() throws {
        try write()
        let renewals = servers[0].renewals
        #expect(try store.findPrimary().primary == store.connected?.primary)
        #expect(servers[0].renewals == renewals)
        sentinels.say(.init(1, epoch: 1, replicas: 5))
        #expect(try store.findPrimary().replicaCount == 5)
        #expect(store.connected?.replicaCount == 5)
        sentinels.say(.init(1, epoch: 3))
        #expect(try store.findPrimary().primary.version?.configEpoch == 3)
        #expect(!store.isReady)
        try write()
        #expect(store.connected?.primary.version?.configEpoch == 3)
    }
}

extension ReplicatedStore {
    /// Asks the witnesses anew; most of them are enough.
    func findPrimary() throws(StoreConnection.Fault) -> NamedPrimary {
        try findPrimary(unanimously: false)
    }
}
