import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Lists of all records of a cluster while they move.
struct ClusterListingTests {
    private let deployment: SimulatedClusterDeployment
    private let names = ["acme", "beta", "gamma", "eta", "theta"]

    init() throws {
        deployment = try SimulatedClusterDeployment()
        let root = deployment.administration(of: "root")
        for name in names.dropFirst() {
            _ = try root.organizations.add(Organization(name)!, owner: Installation.alice)
        }
    }

    private func listed() throws -> [String] {
        try deployment.administration(of: "root").organizations.list().entries
            .map(\.organization.name)
    }

    private var cluster: SimulatedCluster { deployment.cluster }

    private func slot(_ name: String) -> Slot { Place.record(Organization(name)!.locator).slot! }

    private func key(_ name: String) -> String {
        "latchkey:record:{\(Organization(name)!.locator)}"
    }

    /// Runs `body` once, at the first scan of a server or a later one.
    private func atScan(of server: Int, number: Int = 1, _ body: @escaping () -> Void) {
        var count = 0
        cluster.servers[server].onCommand = { name in
            guard name == "SCAN" else { return }
            count += 1
            if count == number { body() }
        }
    }

    /// Moves a slot's keys, and does not end the move.
    private func moveKeys(of slot: Slot, from source: Int, to target: Int) {
        cluster.moves[slot] = .init(source: source, target: target)
        for (key, fields) in cluster.servers[source].hashes
        where Slot(ofKey: Array(key.utf8)) == slot {
            cluster.servers[target].hashes[key] = fields
            cluster.servers[source].hashes[key] = nil
        }
    }

    private func scans(_ server: Int) -> Int {
        cluster.servers[server].calls.count { $0.contains("SCAN") }
    }

    @Test func `records of all servers are listed`() throws {
        #expect(try listed() == names.sorted())
        #expect((0..<3).map(scans) == [1, 1, 1])
    }

    @Test func `a record that moves to a server that was read already is listed, and only once`()
        throws
    {
        atScan(of: 2) { cluster.move(slot("acme"), to: 0) }
        #expect(try listed() == names.sorted())
    }

    @Test func `a record of a slot that is still being moved is listed, too`() throws {
        cluster.moves[slot("acme")] = .init(source: 2, target: 0)
        atScan(of: 2) { moveKeys(of: slot("acme"), from: 2, to: 0) }
        #expect(try listed() == names.sorted())
        #expect(scans(1) == 1)
    }

    @Test(arguments: [true, false])
    func `a record that moves to a server without any slot is listed`(isScanned: Bool) throws {
        if isScanned {
            atScan(of: 3) { moveKeys(of: slot("acme"), from: 2, to: 3) }
        } else {
            moveKeys(of: slot("acme"), from: 2, to: 3)
        }
        #expect(try listed() == names.sorted())
    }

    @Test func `a server that is restarted is scanned from the beginning`() throws {
        for server in cluster.servers { server.pageLength = 1 }
        let other = (0..<3).first { cluster.servers[$0].hashes.count > 2 }!
        atScan(of: other, number: 2) { cluster.servers[other].starts += 1 }
        #expect(try listed() == names.sorted())
    }

    @Test func `a server that is restarted again and again is not scanned for ever`() {
        for server in cluster.servers {
            server.pageLength = 1
            server.onCommand = { name in if name == "SCAN" { server.starts += 1 } }
        }
        #expect(failure { _ = try listed() } == .store)
    }

    @Test func `a record at a server that does not hold its slot is reported`() throws {
        moveKeys(of: slot("acme"), from: 2, to: 0)
        // The source has forgotten the move, as a replica that takes over has.
        cluster.moves = [:]
        let list = try deployment.administration(of: "root").organizations.list()
        #expect(list.entries.count == names.count - 1)
        #expect(
            list.faults == [
                "the record of locator \(Organization("acme")!.locator) is at 10.0.0.1:6379, "
                    + "which does not hold its slot: redis-cli --cluster fix"
            ]
        )
    }

    @Test func `a record whose broken move is mended while it is listed is listed`() throws {
        moveKeys(of: slot("acme"), from: 2, to: 0)
        cluster.moves = [:]
        atScan(of: 2) { atScan(of: 0) { cluster.give(slot("acme"), to: 0) } }
        let list = try deployment.administration(of: "root").organizations.list()
        #expect(list.entries.map(\.organization.name) == names.sorted() && list.faults.isEmpty)
    }

    @Test(arguments: [false, true])
    func `a server that has just joined need not admit anybody unless a slot is on its way to it`(
        isMoving: Bool
    ) throws {
        if isMoving { cluster.moves[slot("acme")] = .init(source: 2, target: 3) }
        cluster.servers[3].turnAway = { [cluster] words in
            words[0] == "SCAN"
                ? .error(ArraySlice("NOPERM this user has no permissions".utf8))
                : cluster.reply(words, at: 3)
        }
        if isMoving {
            #expect(failure { _ = try listed() } == .notPermitted)
        } else {
            #expect(try listed() == names.sorted())
        }
    }

    @Test func `a record that is removed while it is listed is not reported`() throws {
        atScan(of: 2) {
            let server = cluster.servers[2]
            server.onCommand = { [key = key("acme")] name in
                if name == "HMGET" { server.hashes[key] = nil }
            }
        }
        let list = try deployment.administration(of: "root").organizations.list()
        #expect(list.entries.count == names.count - 1 && list.faults.isEmpty)
    }

    @Test func `a server that takes over is scanned from the beginning`() throws {
        atScan(of: 2) {
            cluster.failOver(2, to: 3)
            cluster.servers[2].isDown = true
        }
        #expect(try listed() == names.sorted())
        #expect(scans(3) >= 1)
    }

    @Test func `slots without a server end the list after thirty seconds`() throws {
        for view in cluster.owners.indices { cluster.owners[view][7] = 9 }
        #expect(failure { _ = try listed() } == .store)
        #expect(deployment.clock.elapsedMilliseconds >= 30_000)
    }

    @Test func `an export has the last uses, and an import into a cluster brings all records`()
        throws
    {
        let (text, summary) = try deployment.administration(of: "root").archive.export()
        #expect(summary.written == names.count && summary.faults.isEmpty)
        for server in cluster.servers { server.hashes = [:] }
        let (result, _) = try deployment.administration(of: "root").archive
            .import(text, policy: .none) { _ in true }
        #expect(result.written == names.count && result.faults.isEmpty)
        #expect(try listed() == names.sorted())
    }
}
