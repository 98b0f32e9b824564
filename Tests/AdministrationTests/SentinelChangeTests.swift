import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Administration

/// Changes where sentinels name the primary: how many servers hold them, and what a failover does to them.
struct SentinelChangeTests {
    private let leaseEnd: UInt64 = 1040

    /// Before another attempt.
    private let pause: UInt64 = 20

    private func copies(_ count: Int) -> [Directive] {
        [Directive(name: "latchkey_copies", values: ["\(count)"])]
    }

    @Test func `a change that all servers hold is confirmed at once`() throws {
        let deployment = try SimulatedDeployment()
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.copies == Copies(count: 3, isOnDisk: false))
        #expect(deployment.clock.elapsedMilliseconds == 0)
    }

    @Test func `the wait for replicas goes behind a write of its connection`() throws {
        let deployment = try SimulatedDeployment()
        _ = try deployment.revoke()
        let calls = deployment.servers[0].calls
        let wait = try #require(calls.lastIndex(of: ["WAIT"]))
        #expect(calls[wait - 1] == ["HINCRBY", "INFO", "INFO"])
        #expect(calls[(wait + 1)...] == [["HMGET", "INFO"]])
    }

    @Test func `a change that a replica lacks is not confirmed, and it is said how many hold it`()
        throws
    {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].prompt = 1
        let result = try deployment.revoke()
        #expect(deployment.uncertainty(result) == .tooFewCopies(2, needed: 3))
        #expect((15_000..<16_000).contains(deployment.clock.elapsedMilliseconds))
    }

    @Test func `a replica that comes back is waited for`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].prompt = 1
        deployment.clock.at(4000) { deployment.servers[0].prompt = 2 }
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 3)
    }

    @Test func `replicas are waited for even if the connection is lost before that`() throws {
        let deployment = try SimulatedDeployment(isHandedOver: false)
        deployment.servers[0].prompt = 1
        deployment.clock.at(leaseEnd - 1) { deployment.servers[0].isDown = true }
        deployment.clock.at(leaseEnd + 100) { deployment.servers[0].isDown = false }
        deployment.clock.at(4000) { deployment.servers[0].prompt = 2 }
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 3)
        #expect(deployment.clock.elapsedMilliseconds >= 4000)
    }

    @Test func `fewer copies suffice if the operator says so`() throws {
        let deployment = try SimulatedDeployment(copies(2))
        deployment.servers[0].prompt = 1
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 2)
        deployment.servers[0].prompt = 0
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(1, needed: 2))
    }

    @Test func `more copies than there are servers are never reached`() throws {
        let deployment = try SimulatedDeployment(copies(4))
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(3, needed: 4))
    }

    @Test func `replicas that the sentinels do not know stand in for nobody`() throws {
        let deployment = try SimulatedDeployment()
        (deployment.servers[0].replicas, deployment.servers[0].prompt) = (3, 2)
        #expect(deployment.uncertainty(try deployment.revoke()) == .tooFewCopies(2, needed: 3))
        deployment.servers[0].prompt = 3
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 3)
    }

    @Test func `a replica that the sentinels do not know stands in for none that is gone`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].addresses = [4, 9]
        #expect(deployment.uncertainty(try deployment.revoke()) == Self.tooFew(2))
        deployment.servers[0].addresses = [5, 4]
        #expect(deployment.confirmed(try deployment.revoke())?.copies?.count == 3)
    }

    @Test(arguments: [Int.min, -1, Int.max])
    func `a server that counts its replicas wrong breaks nothing`(count: Int) throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].addresses = [4, 9]
        deployment.servers[0].prompt = count
        let held = count > 0 ? 2 : 1
        #expect(deployment.uncertainty(try deployment.revoke()) == Self.tooFew(held))
    }

    /// Too few servers hold a change, because one replica has no link.
    private static func tooFew(_ held: Int) -> ConfirmationResult.Uncertainty {
        .tooFewCopies(held, needed: 3, unlinked: ["10.0.0.5:6379"])
    }

    @Test func `a replica that the sentinels learn of meanwhile must hold the change, too`() throws
    {
        let deployment = try SimulatedDeployment()
        deployment.sentinels.onQuestion = { _ in
            deployment.sentinels.say(.init(1, replicas: 3))
        }
        let expected = ConfirmationResult.Uncertainty.tooFewCopies(
            3,
            needed: 4,
            unlinked: ["10.0.0.6:6379"]
        )
        #expect(deployment.uncertainty(try deployment.revoke()) == expected)
    }

    @Test func `a caller can end the wait for replicas`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].prompt = 0
        let policy = ConfirmationPolicy.whileTrue { $0.missingServers == 0 }
        #expect(
            deployment.uncertainty(try deployment.revoke(policy)) == .tooFewCopies(1, needed: 3)
        )
        #expect(deployment.clock.elapsedMilliseconds < 500)
    }

    @Test(arguments: ["WAIT", "HINCRBY"])
    func `without permission to wait, it is said at once`(command: String) throws {
        let deployment = try SimulatedDeployment()
        _ = try deployment.revoke(.none)
        deployment.servers[0].refused = [command]
        #expect(
            deployment.uncertainty(try deployment.revoke())
                == .copiesUnknown("NOPERM no right to \(command)")
        )
        #expect(deployment.clock.elapsedMilliseconds == 0)
    }

    @Test(arguments: [("7.2.4", true), ("7.0.15", false)])
    func `a release that can tell says whether the change is on disk`(version: String, tells: Bool)
        throws
    {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].version = version
        #expect(
            deployment.confirmed(try deployment.revoke())?.copies
                == Copies(count: 3, isOnDisk: tells)
        )
    }

    // MARK: - Failover

    /// Runs `body` once when the workers are asked.
    private func whenAsked(_ deployment: SimulatedDeployment, _ body: @escaping () -> Void) {
        let worker = deployment.worker(1)
        var isDone = false
        deployment.servers[0].onSignal = { _ in
            if !isDone { body() }
            isDone = true
            return [worker.id.description]
        }
    }

    @Test func `a change that the new primary has is confirmed there, with all that this takes`()
        throws
    {
        let deployment = try SimulatedDeployment()
        let worker = deployment.worker(1)
        deployment.servers[1].onSignal = { _ in [worker.id.description] }
        deployment.servers[0].onSignal = { _ in [worker.id.description] }
        deployment.sentinels.onQuestion = { _ in
            deployment.failOver(to: 2)
            deployment.sentinels.onQuestion = { _ in }
        }
        let outcome = deployment.confirmed(try deployment.revoke())
        #expect(outcome?.copies?.count == 3)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd + pause)
        #expect(deployment.servers[1].signals.count == 1)
        #expect(Set(deployment.servers[0].signals).isDisjoint(with: deployment.servers[1].signals))
        let members = deployment.servers[1].hashes[SimulatedInstallation.members]
        #expect(members?[deployment.term("r2.2")] != nil)
    }

    @Test func `a change that the new primary lacks is undone`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[1].hashes = deployment.servers[0].hashes
        whenAsked(deployment) { deployment.failOver(to: 2, isUpToDate: false) }
        #expect(deployment.uncertainty(try deployment.revoke()) == .undone)
    }

    @Test func `a later version at the new primary is no proof of a change`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[1].hashes = deployment.servers[0].hashes
        whenAsked(deployment) {
            deployment.failOver(to: 2, isUpToDate: false)
            for _ in 1...3 {
                _ = try? deployment.administration.keys.generate(
                    for: Installation.acme,
                    policy: .none
                )
            }
        }
        let key = try deployment.administration.keys.generate(for: Installation.acme)
        #expect(deployment.uncertainty(key.confirmation) == .undone)
    }

    @Test func `a primary that is named again in a later configuration is waited for anew`() throws
    {
        let deployment = try SimulatedDeployment()
        whenAsked(deployment) { deployment.failOver(to: 1, epoch: 3) }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd + pause)
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd + pause)
    }

    @Test func `a primary that was restarted meanwhile is waited for anew`() throws {
        let deployment = try SimulatedDeployment()
        whenAsked(deployment) { deployment.servers[0].replicationID = "r9" }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    @Test func `an unknown term is waited for from when the sentinels name its primary`() throws {
        let deployment = try SimulatedDeployment(isHandedOver: false)
        let word = SimulatedSentinels.Word(1).answer
        let disputing = SimulatedSentinels.Word(2, epoch: 2).answer
        deployment.servers[0].onCommand = { command in
            guard command == "HGETALL" else { return }
            deployment.sentinels.answers = [word, word, disputing]
            deployment.servers[0].onCommand = { _ in }
        }
        deployment.clock.at(5000) { deployment.sentinels.say(.init(1)) }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == 5000 + leaseEnd)
        _ = try deployment.revoke()
        #expect(deployment.clock.elapsedMilliseconds == 5000 + leaseEnd)
    }

    @Test(arguments: ["r1", "r1.1", "r1.1.0123456789abcdef"])
    func `a term that a worker hands over without these sentinels' version is unknown`(term: String)
        throws
    {
        let deployment = try SimulatedDeployment(isHandedOver: false)
        deployment.servers[0].hashes[SimulatedInstallation.members]?["term:\(term):g1"] =
            "99999:0"
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    @Test func `strict workers are waited for, too`() throws {
        let strict = [Directive(name: "latchkey_consistency", values: ["strict"])]
        let deployment = try SimulatedDeployment(strict, isHandedOver: false)
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    @Test func `sentinels that do not agree before the change keep it from being made`() throws {
        let deployment = try SimulatedDeployment()
        deployment.store.renew()
        deployment.sentinels.answers[0] = SimulatedSentinels.Word(2, epoch: 2).answer
        let before = deployment.servers[0].hashes
        #expect(failure { _ = try deployment.revoke() } == .store)
        #expect(deployment.servers[0].hashes == before)
    }

    @Test func `sentinels that do not agree after the change leave it uncertain`() throws {
        let deployment = try SimulatedDeployment()
        whenAsked(deployment) {
            deployment.sentinels.answers[0] = SimulatedSentinels.Word(2, epoch: 2).answer
        }
        guard case .primaryUnknown(let reason) = deployment.uncertainty(try deployment.revoke())
        else {
            Issue.record("another end")
            return
        }
        #expect(reason.contains("do not agree"))
        #expect(deployment.clock.elapsedMilliseconds == 30_000)
        #expect(deployment.store.patienceMilliseconds == 30_000)
    }

    @Test func `a primary that changes all the time ends the wait`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].onCommand = { command in
            guard command == "WAIT" else { return }
            let number = Int(deployment.servers[0].replicationID.dropFirst()) ?? 0
            deployment.servers[0].replicationID = "r\(number + 10)"
        }
        let result = try deployment.revoke()
        guard case .unacknowledged(let outcome) = deployment.uncertainty(result) else {
            return #expect(deployment.uncertainty(result) != nil)
        }
        #expect(outcome.unlistedUntil != nil)
    }

    @Test func `a write that the primary refuses as a replica is made at the next one`() throws {
        let deployment = try SimulatedDeployment()
        deployment.servers[0].onCommand = { command in
            guard command == "MULTI" else { return }
            deployment.failOver(to: 2)
        }
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.servers[0].hashes[deployment.record]?["state"] == "active")
        #expect(deployment.servers[1].hashes[deployment.record]?["state"] == "revoked")
    }

    // MARK: - Workers

    @Test func `a silent worker is waited for and moved, if it asks the same sentinels`() throws {
        let deployment = try SimulatedDeployment()
        let worker = deployment.worker(1)
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [worker])
        #expect(
            deployment.servers[0].hashes[SimulatedInstallation.members]?[worker.id.description]
                == nil
        )
    }

    @Test func `a silent worker that asks other sentinels never expires, and stays`() throws {
        let deployment = try SimulatedDeployment()
        let worker = deployment.worker(1, witnesses: "0123456789abcdef")
        guard case .unacknowledged(let outcome) = deployment.uncertainty(try deployment.revoke())
        else {
            Issue.record("another end")
            return
        }
        #expect(outcome.foreign == [worker])
        #expect(outcome.unacknowledged.isEmpty && outcome.expired.isEmpty)
        #expect(deployment.clock.elapsedMilliseconds == 30_000)
        #expect(
            deployment.servers[0].hashes[SimulatedInstallation.members]?[worker.id.description]
                != nil
        )
    }

    @Test func `a worker that asks other sentinels and acknowledges is no obstacle`() throws {
        let deployment = try SimulatedDeployment()
        let worker = deployment.worker(1, witnesses: "0123456789abcdef")
        deployment.servers[0].onSignal = { _ in [worker.id.description] }
        #expect(deployment.confirmed(try deployment.revoke())?.expired == [])
    }

    @Test func `an operator's word takes a worker with other sentinels off`() throws {
        let deployment = try SimulatedDeployment()
        let worker = deployment.worker(1, witnesses: "0123456789abcdef")
        _ = try MemberRemoval(deployment.store, clock: deployment.clock).remove(worker)
        #expect(deployment.confirmed(try deployment.revoke()) != nil)
        #expect(deployment.clock.elapsedMilliseconds == leaseEnd)
    }

    // MARK: - Many changes

    private func line(_ name: String) -> OrganizationLine {
        OrganizationLine(
            number: 1,
            organization: Organization(name)!,
            principal: Installation.alice
        )
    }

    @Test func `many changes wait for the replicas together`() throws {
        let deployment = try SimulatedDeployment()
        let root = deployment.administration(of: "root")
        _ = try root.bulk.addOrganizations([line("beta"), line("gamma")]) { _ in true }
        let (_, result) = try root.bulk.generateKeys(
            [line("beta"), line("gamma")],
            isReplacing: true,
            lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
            policy: .untilConfirmed,
            deliver: { _ in },
            onProgress: { _ in true }
        )
        #expect(deployment.confirmed(result)?.copies?.count == 3)
        #expect(deployment.servers[0].calls.count { $0 == ["WAIT"] } == 1)
    }
}
