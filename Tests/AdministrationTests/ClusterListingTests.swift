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

    /// Runs `body` once, at the first scan of a server.
    private func atScan(of server: Int, _ body: @escaping () -> Void) {
        var isDone = false
        cluster.servers[server].onCommand = { name in
            guard name == "SCAN", !isDone else { return }
            isDone = true
            body()
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
        atScan(of: 2) {
            let servers = cluster.servers
            servers[0].hashes[key("acme")] = servers[2].hashes.removeValue(forKey: key("acme"))
        }
        #expect(try listed() == names.sorted())
        #expect(scans(1) == 1)
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
