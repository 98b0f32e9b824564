import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Many changes in a cluster.
struct ClusterBulkTests {
    private let deployment: SimulatedClusterDeployment
    private let names = (0..<40).map { "org-\($0)" }

    init() throws {
        deployment = try SimulatedClusterDeployment()
        let summary = try root.bulk.addOrganizations(lines) { _ in true }
        #expect(summary.changed == names.count)
        for server in cluster.servers { server.signals = [] }
    }

    private var cluster: SimulatedCluster { deployment.cluster }
    private var root: AdministrationContext { deployment.administration(of: "root") }

    private var lines: [OrganizationLine] {
        names.enumerated().map { index, name in
            OrganizationLine(
                number: index + 1,
                organization: Organization(name)!,
                principal: Installation.alice
            )
        }
    }

    private func slot(_ name: String) -> Slot { Place.record(Organization(name)!.locator).slot! }

    private func generate(
        isReplacing: Bool = true,
        deliver: (Span<UInt8>) throws(AdministrationError) -> Void = { _ in }
    ) throws -> (BatchSummary, ConfirmationResult) {
        try root.bulk.generateKeys(
            lines,
            isReplacing: isReplacing,
            lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
            policy: .untilConfirmed,
            deliver: deliver,
            onProgress: { _ in true }
        )
    }

    @Test func `one signal from each server confirms all of its changes`() throws {
        let worker = deployment.worker(1)
        for server in cluster.servers { server.onSignal = { _ in [worker.id.description] } }
        let (summary, result) = try generate()
        #expect(summary.changed == names.count)
        #expect(deployment.confirmed(result)?.copies?.count == 2)
        #expect(cluster.servers.map(\.signals.count) == [1, 1, 1, 0])
        #expect(deployment.clock.elapsedMilliseconds == 0)
    }

    @Test func `unknown terms of several servers are waited for together`() throws {
        for (index, server) in cluster.servers.enumerated() { server.replicationID = "new\(index)" }
        let (_, result) = try generate()
        #expect(deployment.confirmed(result) != nil)
        #expect(deployment.clock.elapsedMilliseconds == 1040)
    }

    @Test func `a silent worker is waited out once for all servers`() throws {
        let worker = deployment.worker(1)
        let (_, result) = try generate()
        #expect(deployment.confirmed(result)?.expired == [worker])
        // The other two servers ask it for a tenth of a second each.
        #expect(deployment.clock.elapsedMilliseconds == 1040 + 2 * 100)
    }

    @Test func `workers that acknowledge are not reported as silent, whoever else is waited out`()
        throws
    {
        let (live, dead) = (deployment.worker(1), deployment.worker(2))
        for server in cluster.servers { server.onSignal = { _ in [live.id.description] } }
        let (_, result) = try generate()
        #expect(deployment.confirmed(result)?.expired == [dead])
        #expect(cluster.servers.prefix(3).allSatisfy { !$0.signals.isEmpty })
    }

    @Test func `a repetition confirms what an earlier command has left, at each server`() throws {
        cluster.servers[1].prompt = 0
        #expect(deployment.uncertainty(try generate().1) == .tooFewCopies(1, needed: 2))
        let (summary, result) = try generate(isReplacing: false)
        #expect(summary.unchanged == names.count)
        #expect(deployment.uncertainty(result) == .tooFewCopies(1, needed: 2))
        cluster.servers[1].prompt = 1
        for server in cluster.servers { server.signals = [] }
        let (_, again) = try generate(isReplacing: false)
        #expect(deployment.confirmed(again)?.copies?.count == 2)
    }

    @Test func `no transaction has keys of two slots`() throws {
        var slots: Set<Slot> = []
        var isMixed = false
        for server in cluster.servers {
            let answer = server.turnAway
            server.turnAway = { words in
                if words[0] == "MULTI" { slots = [] }
                if words.count > 1, words[1].hasPrefix("latchkey:") {
                    slots.insert(Slot(ofKey: Array(words[1].utf8)))
                }
                if words[0] == "EXEC", slots.count > 1 { isMixed = true }
                return answer(words)
            }
        }
        _ = try generate()
        #expect(!isMixed)
    }

    @Test func `records that moved since they were changed get a signal each`() throws {
        let worker = deployment.worker(1)
        for server in cluster.servers { server.onSignal = { _ in [worker.id.description] } }
        let moved = names.filter { cluster.owners[0][slot($0).number] == 2 }.prefix(3)
        var isDone = false
        let (summary, result) = try root.bulk.generateKeys(
            lines,
            isReplacing: true,
            lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
            policy: .whileTrue { _ in true },
            deliver: { _ in },
            onProgress: { progress in
                if progress.done == progress.count, !isDone {
                    isDone = true
                    for name in moved { cluster.move(slot(name), to: 1) }
                }
                return true
            }
        )
        #expect(summary.changed == names.count)
        #expect(deployment.confirmed(result) != nil)
        let signalled = cluster.servers[1].signals.filter { signal in
            moved.contains { signal.contains("\(Organization($0)!.locator)") }
        }
        #expect(Set(signalled).count >= moved.count)
    }

    @Test func `a later change is none that was undone, although another record has moved`() throws
    {
        let worker = deployment.worker(1)
        for server in cluster.servers { server.onSignal = { _ in [worker.id.description] } }
        let own = names.filter { cluster.owners[0][slot($0).number] == 2 }
        let (first, later) = (own[0], own[1])
        var isDone = false
        cluster.servers[2].onCommand = { name in
            guard name == "WAIT", !isDone else { return }
            isDone = true
            cluster.move(slot(first), to: 1)
            _ = try? deployment.administration(of: "alice").keys.revoke(
                Organization(later)!,
                policy: .none
            )
        }
        let (_, result) = try generate()
        #expect(deployment.confirmed(result) != nil)
    }

    @Test(arguments: [true, false])
    func `a record is not confirmed before all primaries know who holds its slot`(
        isToldInTime: Bool
    ) throws {
        let name = try #require(names.first { cluster.owners[0][slot($0).number] == 2 })
        let taken = slot(name).number
        cluster.owners[1][taken] = 1
        if isToldInTime {
            cluster.servers[2].onCommand = { [cluster, clock = deployment.clock] _ in
                if clock.elapsedMilliseconds > 1000 { cluster.owners[1][taken] = 2 }
            }
        }
        let (summary, result) = try generate()
        #expect(summary.changed == names.count)
        #expect((deployment.confirmed(result) != nil) == isToldInTime)
        if !isToldInTime, case .notReadBack? = deployment.uncertainty(result) { return }
        #expect(isToldInTime)
    }

    @Test func `a record that moved with the one that the shared signal names gets its own, too`()
        throws
    {
        let worker = deployment.worker(1)
        for server in cluster.servers { server.onSignal = { _ in [worker.id.description] } }
        var isDone = false
        cluster.servers[2].onCommand = { name in
            guard name == "WAIT", !isDone else { return }
            isDone = true
            for name in names where cluster.owners[0][slot(name).number] == 2 {
                cluster.move(slot(name), to: 1)
            }
        }
        let moved = names.filter { cluster.owners[0][slot($0).number] == 2 }
        let (_, result) = try generate()
        #expect(deployment.confirmed(result) != nil)
        let signals = cluster.servers[1].signals
        #expect(
            moved.allSatisfy { name in
                signals.contains { $0.contains("\(Organization(name)!.locator)") }
            }
        )
    }

    @Test
    func `keys that were stored before a server was lost are handed over, and the rest is said`()
        throws
    {
        deployment.store.patienceMilliseconds = 1000
        var count = 0
        cluster.servers[2].onCommand = { name in
            guard name == "WATCH" else { return }
            count += 1
            if count == 3 { cluster.servers[2].isDown = true }
        }
        var delivered = 0
        do {
            _ = try generate { text in
                for index in text.indices where text[index] == 0x0A { delivered += 1 }
            }
            Issue.record("nothing was lost")
        } catch let error as AdministrationError {
            #expect(error.kind == .store)
            #expect(error.message.hasPrefix("after \(delivered) lines, which stay as they are: "))
        }
        let active = cluster.servers.flatMap(\.hashes.values).count { $0["state"] == "active" }
        #expect(delivered == active - 1)
        #expect(delivered > 2)
    }

    @Test func `keys that could not be handed over are named`() throws {
        do {
            _ = try generate { _ throws(AdministrationError) in
                throw AdministrationError(.output, "the disk is full")
            }
            Issue.record("they were handed over")
        } catch let error as AdministrationError {
            #expect(error.message.contains("for those without a line: org-"))
            #expect(error.message.hasSuffix(" and 32 more"))
        }
    }
}
