import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Changes in a real cluster.
struct RealClusterTests {
    private let cluster: RealCluster
    private let acme = Installation.acme

    init() throws {
        cluster = try RealCluster()
        _ = try administration("root").organizations.add(acme, owner: Installation.alice)
    }

    private func administration(_ account: String = "alice", _ directives: [Directive] = []) throws
        -> AdministrationContext
    {
        try cluster.administration(account, directives)
    }

    private var slot: Slot { Place.record(acme.locator).slot! }

    private func copies(_ result: ConfirmationResult?) -> Int? {
        guard case .confirmed(_, let outcome) = result else {
            Issue.record("\(String(describing: result))")
            return nil
        }
        return outcome.copies?.count
    }

    private func state(_ number: Int) throws -> String {
        try cluster.ask(number, "READONLY")
        let connection = StoreConnection(at: cluster.servers[number], credentials: nil)
        let record = "latchkey:record:{\(acme.locator)}"
        return try connection.execute([
            RedisCommand("READONLY"), RedisCommand("HGET", .text(record), "state"),
        ])[1].string
    }

    @Test func `a key lives and ends, whatever moves and takes over meanwhile`() throws {
        let key = try administration().keys.generate(for: acme)
        #expect(copies(key.confirmation) == 2)
        let holder = try #require(try cluster.holder(of: slot))
        let target = (holder + 1) % 3
        try cluster.move(slot, to: target)
        #expect(copies(try administration().keys.generate(for: acme).confirmation) == 2)
        try cluster.ask(target + 3, "CLUSTER", "FAILOVER")
        try cluster.wait { try cluster.holder(of: slot) == target + 3 }
        #expect(copies(try administration().keys.revoke(acme)) == 2)
        #expect(try state(target) == "revoked")
        #expect(try state(target + 3) == "revoked")
        let text = key.text.string
        #expect(try administration().keys.verify(Array(text.utf8).span) == .issued(.revoked))
    }

    @Test func `a primary that stands still is replaced while a change waits`() throws {
        let key = try administration().keys.generate(for: acme)
        #expect(copies(key.confirmation) == 2)
        let holder = try #require(try cluster.holder(of: slot))
        cluster.processes.freeze(holder)
        defer { cluster.processes.thaw(holder) }
        let policy = ConfirmationPolicy.whileTrue { $0.missingServers == 0 }
        let result = try administration().keys.revoke(acme, policy: policy)
        #expect(result == .unconfirmed(.tooFewCopies(1, needed: 2)))
        #expect(try state(holder + 3) == "revoked")
    }

    @Test func `a slot that nobody goes on moving delays a change, and its workers are waited out`()
        throws
    {
        let key = try administration().keys.generate(for: acme)
        #expect(copies(key.confirmation) == 2)
        let holder = try #require(try cluster.holder(of: slot))
        try cluster.begin(slot, from: holder, to: (holder + 1) % 3)
        let change = try administration().store.change(
            acme,
            try administration().audit(.revoke),
            isAwaited: true
        ) { $0?.revokingKey(at: SystemClock.unixTime()) }
        #expect(change?.signalling == .refused)
        #expect(try state(holder) == "revoked")
        try cluster.stabilize(slot)
        #expect(copies(try administration().keys.revoke(acme)) == 2)
    }

    @Test func `records are listed, exported and imported while slots move`() throws {
        let root = try administration("root")
        let lines = (1...200).map { number in
            OrganizationLine(
                number: number,
                organization: Organization("org-\(number)")!,
                principal: Installation.alice
            )
        }
        _ = try root.bulk.addOrganizations(lines) { _ in true }
        var moved = 0
        let (summary, result) = try root.bulk.generateKeys(
            lines,
            isReplacing: false,
            lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
            policy: .untilConfirmed,
            deliver: { _ in },
            onProgress: { _ in
                for line in lines.prefix(20) {
                    let slot = Place.record(line.organization.locator).slot!
                    guard let holder = try? cluster.holder(of: slot) else { continue }
                    if (try? cluster.move(slot, to: (holder + 1) % 3)) != nil { moved += 1 }
                }
                return true
            }
        )
        #expect(summary.changed == 200 && moved >= 40)
        #expect(copies(result) == 2)
        #expect(try root.organizations.list().entries.count == 201)
        let (text, exported) = try root.archive.export()
        #expect(exported.written == 201)
        let (again, _) = try root.archive.import(text, policy: .none) { _ in true }
        #expect(again.left == 201 && again.written == 0)
    }

    @Test func `the doctor finds nothing wrong with the servers, and what is missing`() throws {
        func faults() throws -> [String] {
            StoreCheck(try cluster.configuration()).findings
                .filter { $0.level == .fault }.map(\.check)
        }
        try cluster.wait { try faults().isEmpty }
        cluster.processes.freeze(4)
        try cluster.ask(0, "CONFIG", "SET", "cluster-allow-reads-when-down", "yes")
        try cluster.ask(1, "CONFIG", "SET", "appendfsync", "everysec")
        let found = Set(try faults())
        #expect(found.isSuperset(of: ["store.reachable", "store.fsync", "cluster.reads"]))
        cluster.processes.thaw(4)
    }
}
