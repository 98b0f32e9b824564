import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Changes with real servers and sentinels.
struct RealSentinelTests {
    private let servers: SentinelServers
    private let acme = Installation.acme

    init() throws {
        servers = try SentinelServers()
        _ = try administration("root").organizations.add(acme, owner: Installation.alice)
    }

    private func administration(_ account: String = "alice", _ directives: [Directive] = []) throws
        -> AdministrationContext
    {
        try servers.administration(account, directives)
    }

    private func copies(_ result: ConfirmationResult?) -> Int? {
        guard case .confirmed(_, let outcome) = result else { return nil }
        return outcome.copies?.count
    }

    @Test func `a key lives and ends at all servers, whatever the sentinels decide meanwhile`()
        throws
    {
        let before = try #require(try servers.named())
        let key = try administration().keys.generate(for: acme)
        #expect(copies(key.confirmation) == 3)
        try servers.ask(servers.sentinels[1], "SENTINEL", "FAILOVER", SentinelServers.name)
        try servers.wait { try servers.named() != before }
        #expect(copies(try administration().keys.revoke(acme)) == 3)
        let text = key.text.string
        #expect(try administration().keys.verify(Array(text.utf8).span) == .issued(.revoked))
        for server in servers.servers {
            let record = "latchkey:record:{\(acme.locator)}"
            #expect(try servers.ask(server, "HGET", record, "state").string == "revoked")
        }
    }

    @Test func `a replica that stands still keeps a change from being confirmed`() throws {
        let primary = try servers.named()
        let replica = try #require(servers.servers.first { $0 != primary })
        servers.freeze(replica)
        defer { servers.thaw(replica) }
        let policy = ConfirmationPolicy.whileTrue { $0.missingServers != 1 }
        let key = try administration().keys.generate(for: acme, policy: policy)
        #expect(key.confirmation == .unconfirmed(.tooFewCopies(2, needed: 3)))
        let two = [Directive(name: "latchkey_copies", values: ["2"])]
        #expect(copies(try administration("alice", two).keys.revoke(acme)) == 2)
    }

    @Test func `a sentinel that stands still delays a command by a second, two of them end it`()
        throws
    {
        servers.freeze(servers.sentinels[0])
        defer { servers.thaw(servers.sentinels[0]) }
        let begin = SystemClock.monotonicTime()
        _ = try administration().keys.status(of: acme)
        #expect(begin.milliseconds(until: SystemClock.monotonicTime()) < 8000)
        servers.freeze(servers.sentinels[1])
        defer { servers.thaw(servers.sentinels[1]) }
        let configuration = try servers.configuration()
        let store = try StoreOpening.store(configuration)
        store.replicated?.patienceMilliseconds = 0
        #expect(throws: StoreConnection.Fault.self) { try store.execute([RedisCommand("PING")]) }
    }

    @Test func `the doctor finds nothing wrong with the servers, and what is missing`() throws {
        func faults() throws -> [String] {
            StoreCheck(try servers.configuration()).findings
                .filter { $0.level == .fault }.map(\.check)
        }
        // On a busy machine sentinels lose sight of each other for a moment.
        try servers.wait { try faults().isEmpty }
        servers.freeze(servers.sentinels[2])
        try servers.ask(servers.servers[0], "CONFIG", "SET", "appendfsync", "everysec")
        #expect(Set(try faults()).isSuperset(of: ["sentinels.reachable", "store.fsync"]))
        servers.thaw(servers.sentinels[2])
    }
}
