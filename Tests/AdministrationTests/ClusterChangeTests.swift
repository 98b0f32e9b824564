import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Changes in a cluster: at which servers they are made, what they wait for, and what moves and failovers do to them.
struct ClusterChangeTests {
    private let leaseEnd: UInt64 = 1040

    /// Before another attempt.
    private let pause: UInt64 = 20

    private func state(_ server: SimulatedStore, _ deployment: SimulatedClusterDeployment)
        -> String?
    {
        server.hashes[deployment.record]?["state"]
    }

    @Test func `a change that its shard holds is confirmed at once`() throws {
        let deployment = try SimulatedClusterDeployment()
        #expect(deployment.holder != deployment.lister)
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.copies == Copies(count: 2, isOnDisk: false))
        #expect(deployment.clock.elapsedMilliseconds == 0)
        #expect(state(deployment.recordServer, deployment) == "revoked")
    }

    @Test func `a worker acknowledges at the server of the record, and is listed at another one`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        let worker = deployment.worker(1)
        deployment.recordServer.onSignal = { _ in [worker.id.description] }
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [])
        #expect(deployment.recordServer.signals.count == 1)
        #expect(deployment.clock.elapsedMilliseconds == 0)
    }

    @Test func `a silent worker is waited out and moved off the list`() throws {
        let deployment = try SimulatedClusterDeployment()
        let worker = deployment.worker(1)
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [worker])
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
        let list = deployment.listServer.hashes[SimulatedInstallation.members]
        #expect(list?[worker.id.description] == nil)
    }

    @Test func `the wait for copies ends although the primary's replicas keep changing`() throws {
        let deployment = try SimulatedClusterDeployment()
        let server = deployment.recordServer
        (server.replicas, server.prompt) = (2, 2)
        server.addresses = [deployment.holder + 11, deployment.holder + 21]
        var changes = 0
        server.onCommand = { name in
            guard name == "WAIT", changes < 100 else { return }
            changes += 1
            deployment.cluster.replicas = 3 - deployment.cluster.replicas
            deployment.clock.advance(byMilliseconds: 1000)
        }
        let end = deployment.uncertainty(try deployment.revoke())
        #expect(end == .copiesUnknown("the primary's replicas keep changing"))
    }

    @Test func `the wait for replicas follows a write of its connection that notifies nobody`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        _ = try deployment.revoke()
        let calls = deployment.recordServer.calls
        let wait = try #require(calls.lastIndex(of: ["WAIT"]))
        #expect(calls[wait - 1] == ["MULTI", "RPUSH", "LPOP", "EXEC", "INFO", "INFO"])
        #expect(deployment.recordServer.signals.count == 1)
        #expect(calls.last == ["HMGET"])
    }

    @Test func `a change that the replica lacks is not confirmed`() throws {
        let deployment = try SimulatedClusterDeployment()
        deployment.recordServer.prompt = 0
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(1, needed: 2))
        #expect((15_000..<16_000).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `one copy suffices if the operator says so`() throws {
        let copies = [Directive(name: "latchkey_copies", values: ["1"])]
        let deployment = try SimulatedClusterDeployment(copies)
        deployment.recordServer.prompt = 0
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 1)
    }

    // MARK: - Terms

    private func terms(_ deployment: SimulatedClusterDeployment) -> Set<String> {
        let list = deployment.listServer.hashes[SimulatedInstallation.members] ?? [:]
        return Set(list.keys.filter { $0.hasPrefix("term:") })
    }

    @Test func `an unknown term of the record's server is waited for, and joins the others`() throws
    {
        let deployment = try SimulatedClusterDeployment()
        deployment.recordServer.replicationID = "r9"
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
        #expect(terms(deployment) == Set((0..<3).map(deployment.termField)))
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    @Test(arguments: ["a new term", "another server"])
    func `with a new term of the list all terms are unknown to it`(what: String) throws {
        let deployment = try SimulatedClusterDeployment()
        if what == "a new term" {
            deployment.listServer.replicationID = "r9"
        } else {
            deployment.cluster.move(Place.membership.slot!, to: deployment.other)
        }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
        #expect(
            terms(deployment)
                == Set([deployment.lister, deployment.holder].map(deployment.termField))
        )
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    @Test func `terms that go on stay in the list where one primary does not tell its own`() throws
    {
        let deployment = try SimulatedClusterDeployment()
        deployment.recordServer.replicationID = "r9"
        deployment.cluster.servers[deployment.other].refused = ["INFO"]
        deployment.cluster.servers[deployment.other].turnAway = {
            [cluster = deployment.cluster, other = deployment.other] words in
            words[0] == "INFO"
                ? .error(ArraySlice("NOPERM no".utf8)) : cluster.reply(words, at: other)
        }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        let list = deployment.listServer.hashes[SimulatedInstallation.members] ?? [:]
        #expect(list.keys.filter { $0.hasPrefix("term:") }.count == 4)
    }

    @Test func `an unknown term is waited for from when all other primaries name its server`()
        throws
    {
        let deployment = try SimulatedClusterDeployment(isHandedOver: false)
        deployment.cluster.isolated = [deployment.other]
        deployment.clock.at(5000) { deployment.cluster.isolated = [] }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect((5000 + leaseEnd..<5200 + leaseEnd).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `a wait for a term that outlasts a command goes on with the next one`() throws {
        let grace = [Directive(name: "latchkey_outage_grace", values: ["40s"])]
        let deployment = try SimulatedClusterDeployment(grace, isHandedOver: false)
        guard case .unacknowledged(let outcome) = deployment.uncertainty(try deployment.revoke())
        else {
            Issue.record("another end")
            return
        }
        #expect(outcome.unlistedUntil != nil)
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect((41_000..<43_000).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `a cluster without any record is waited for: it may have been emptied`() throws {
        let deployment = try SimulatedClusterDeployment()
        for server in deployment.cluster.servers { server.hashes = [:] }
        _ = try deployment.administration(of: "root").organizations
            .add(Installation.acme, owner: Installation.alice)
        let key = try deployment.administration.keys.generate(for: Installation.acme)
        #expect(deployment.confirmed(key.confirmation) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    // MARK: - Moves

    /// A worker that acknowledges whatever any server tells.
    private func promptWorker(_ deployment: SimulatedClusterDeployment) {
        let worker = deployment.worker(1)
        for server in deployment.cluster.servers {
            server.onSignal = { _ in [worker.id.description] }
        }
    }

    /// Runs `body` once at a command to a server.
    private func once(_ command: String, _ server: SimulatedStore, _ body: @escaping () -> Void) {
        var isDone = false
        server.onCommand = { name in
            guard name == command, !isDone else { return }
            isDone = true
            body()
        }
    }

    @Test func `a slot that moves before the transaction takes the change with it`() throws {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.recordServer
        once("MULTI", former) { deployment.cluster.move(deployment.slot, to: deployment.other) }
        let other = deployment.cluster.servers[deployment.other]
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(former.hashes[deployment.record] == nil)
        #expect(state(other, deployment) == "revoked")
        #expect(other.signals.count == 1)
    }

    @Test
    func `a signal whose key is at neither server keeps the change from being made, until it is`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        let (source, target) = (deployment.holder, deployment.other)
        deployment.cluster.moves[deployment.slot] = .init(source: source, target: target)
        var wasActive = false
        deployment.clock.at(2000) {
            wasActive = self.state(deployment.cluster.servers[source], deployment) == "active"
            deployment.cluster.moves = [:]
            deployment.cluster.move(deployment.slot, to: target)
        }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(wasActive)
        #expect((2000..<2100).contains(deployment.clock.elapsedMilliseconds))
        #expect(state(deployment.cluster.servers[target], deployment) == "revoked")
    }

    @Test func `a move that broke off delays a change by ten seconds, and leases are waited out`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        let worker = deployment.worker(1, lease: 3000)
        let move = SimulatedCluster.Move(source: deployment.holder, target: deployment.other)
        deployment.cluster.moves[deployment.slot] = move
        deployment.clock.at(14_000) { deployment.cluster.moves = [:] }
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.expired == [worker])
        #expect(deployment.recordServer.signals.isEmpty)
        #expect((14_000..<14_200).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `a record that a broken move has left in between is not changed, and that is said`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        let (source, target) = (deployment.holder, deployment.other)
        deployment.cluster.moves[deployment.slot] = .init(source: source, target: target)
        let servers = deployment.cluster.servers
        servers[target].hashes[deployment.record] =
            servers[source].hashes.removeValue(forKey: deployment.record)
        do {
            _ = try deployment.revoke()
            Issue.record("it was changed")
        } catch let error as AdministrationError {
            #expect(error.kind == .store)
            #expect(error.message.contains("slot \(deployment.slot) of the cluster is being moved"))
        }
        #expect(state(servers[target], deployment) == "active")
        #expect(try deployment.administration.keys.status(of: Installation.acme).record.key != nil)
    }

    @Test func `a slot that moves behind the change is confirmed anew at the new server`() throws {
        let deployment = try SimulatedClusterDeployment()
        promptWorker(deployment)
        let target = deployment.other
        once("WAIT", deployment.recordServer) {
            deployment.cluster.move(deployment.slot, to: target)
        }
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.copies?.count == 2)
        #expect(deployment.cluster.servers[target].signals.count == 1)
        #expect(deployment.cluster.servers[target].calls.contains(["WAIT"]))
    }

    @Test func `a membership list that moves behind the reading is read anew`() throws {
        let deployment = try SimulatedClusterDeployment()
        let slot = Place.membership.slot!
        let target = deployment.other
        let member = StandInWorker.member(7)
        once("WAIT", deployment.recordServer) {
            deployment.cluster.move(slot, to: target)
            deployment.cluster.servers[target].carryOut(MembershipCommands.join(member))
        }
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [member])
    }

    // MARK: - Failovers

    @Test func `a change that the new primary has is confirmed there, with all that this takes`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        promptWorker(deployment)
        let former = deployment.holder
        once("WAIT", deployment.recordServer) { deployment.cluster.failOver(former, to: 3) }
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.copies?.count == 3)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd + pause)
        #expect(deployment.cluster.servers[3].signals.count == 1)
        let list = deployment.listServer.hashes[SimulatedInstallation.members]
        #expect(list?[deployment.termField(3)] != nil)
        #expect(list?[deployment.termField(former)] == nil)
    }

    @Test func `a former primary that is lost may come back as a replica, and is waited for`()
        throws
    {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.holder
        deployment.cluster.failOver(former, to: 3)
        deployment.cluster.leaveBehind(former)
        deployment.cluster.servers[former].isDown = true
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(2, needed: 3))
    }

    @Test func `a lost primary of another shard does not count`() throws {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.other
        deployment.cluster.failOver(former, to: 3)
        deployment.cluster.leaveBehind(former)
        deployment.cluster.servers[former].isDown = true
        deployment.cluster.epochs[deployment.holder] = 9
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 2)
    }

    @Test func `a former primary that has not followed the new one yet is waited for`() throws {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.holder
        deployment.cluster.failOver(former, to: 3)
        deployment.cluster.leaveBehind(former)
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(2, needed: 3))
    }

    @Test func `a change that the new primary lacks is undone`() throws {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.holder
        deployment.cluster.servers[3].hashes = deployment.recordServer.hashes
        once("WAIT", deployment.recordServer) {
            deployment.cluster.failOver(former, to: 3, isUpToDate: false)
        }
        #expect(deployment.uncertainty(try deployment.revoke()) == .undone)
    }

    @Test func `a former primary that goes on is found out by the others`() throws {
        let deployment = try SimulatedClusterDeployment()
        let former = deployment.holder
        deployment.cluster.servers[3].hashes = deployment.recordServer.hashes
        let before = deployment.cluster.owners[former]
        deployment.cluster.failOver(former, to: 3, isUpToDate: false)
        deployment.cluster.owners[former] = before
        #expect(deployment.uncertainty(try deployment.revoke()) == .undone)
    }

    @Test func `a former server of the list that goes on is found out by the others`() throws {
        let deployment = try SimulatedClusterDeployment()
        _ = try deployment.store.at(.membership).execute([Membership.read])
        let former = deployment.lister
        let before = deployment.cluster.owners[former]
        deployment.cluster.failOver(former, to: 3)
        deployment.cluster.owners[former] = before
        let member = StandInWorker.member(7)
        deployment.cluster.servers[3].carryOut(MembershipCommands.join(member))
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [member])
    }

    @Test func `primaries that do not agree after the change leave it uncertain`() throws {
        let deployment = try SimulatedClusterDeployment()
        once("WAIT", deployment.recordServer) { deployment.cluster.isolated = [deployment.other] }
        guard case .primaryUnknown(let reason) = deployment.uncertainty(try deployment.revoke())
        else {
            Issue.record("another end")
            return
        }
        #expect(reason.contains("do not agree on who holds slot"))
        #expect(deployment.clock.elapsedMilliseconds == 30_000)
        #expect(deployment.store.patienceMilliseconds == 30_000)
    }

    // MARK: - Status

    @Test func `a status asks the servers of record, uses and list`() throws {
        let deployment = try SimulatedClusterDeployment()
        let worker = deployment.worker(1)
        deployment.recordServer.onSignal = { _ in [worker.id.description] }
        let status = try deployment.administration.keys.status(of: Installation.acme)
        #expect(status.lastUseDelay == .none)
        #expect(status.lastUse == .never)
    }

    @Test func `a status asks workers where the slot of the record is being moved to`() throws {
        let deployment = try SimulatedClusterDeployment()
        let worker = deployment.worker(1)
        let target = deployment.other
        deployment.cluster.moves[deployment.slot] = .init(
            source: deployment.holder,
            target: target
        )
        deployment.cluster.servers[target].onSignal = { _ in [worker.id.description] }
        let status = try deployment.administration.keys.status(of: Installation.acme)
        #expect(status.lastUseDelay == .none)
        #expect(deployment.clock.elapsedMilliseconds == 0)
    }

    @Test func `a status waits for last uses as usual after it asked for them in vain`() throws {
        let deployment = try SimulatedClusterDeployment()
        let lost = deployment.other
        let places = [Place.flushes, .uses(Installation.acme.locator)]
        for place in places { deployment.cluster.give(place.slot!, to: lost) }
        deployment.cluster.servers[lost].isDown = true
        deployment.clock.at(5000) { deployment.cluster.servers[lost].isDown = false }
        let status = try deployment.administration.keys.status(of: Installation.acme)
        #expect(status.lastUseDelay == .unasked)
        #expect((5000..<5100).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `a status does not wait for the slot that counts flushes`() throws {
        let deployment = try SimulatedClusterDeployment()
        let slot = Place.flushes.slot!
        let source = deployment.cluster.owners[0][slot.number]
        deployment.cluster.moves[slot] = .init(source: source, target: (source + 1) % 3)
        let status = try deployment.administration.keys.status(of: Installation.acme)
        #expect(status.lastUseDelay == .unasked)
        #expect(deployment.clock.elapsedMilliseconds < 600)
        #expect(deployment.store.patienceMilliseconds == 30_000)
    }
}
