import Keyring
import RedisClient
import Testing

@testable import Administration

/// The wait for workers that the membership list may lack, and what spares later changes that wait.
struct HandoverTests {
    private let leaseEnd: UInt64 = 1040
    private let hour = [Directive(name: "latchkey_outage_grace", values: ["1h"])]
    private let hourEnd: UInt64 = 3_673_040

    /// An installation whose list is new.
    private func installation(_ directives: [Directive] = []) throws -> SimulatedInstallation {
        try SimulatedInstallation(directives, isHandedOver: false)
    }

    /// How long a revocation takes that is confirmed; `nil` for any other.
    private func span(_ installation: SimulatedInstallation) throws -> UInt64? {
        let before = installation.clock.elapsedMilliseconds
        guard installation.expired(try installation.revoke()) == [] else { return nil }
        return installation.clock.elapsedMilliseconds - before
    }

    @Test func `a new list is waited for once`() throws {
        let installation = try installation()
        #expect(try span(installation) == leaseEnd)
        #expect(installation.membership?.hasGeneration == true)
        #expect(try span(installation) == 0)
    }

    @Test func `a worker's acknowledgement does not shorten the wait for others`() throws {
        let installation = try installation()
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        var waits: [BarrierProgress] = []
        let policy = ConfirmationPolicy.whileTrue {
            waits.append($0)
            return true
        }
        #expect(installation.expired(try installation.revoke(policy)) == [])
        #expect(installation.clock.elapsedMilliseconds == leaseEnd)
        #expect(waits.last?.pending.isEmpty == true && waits.last?.isFleetKnown == true)
        #expect(installation.isMember(worker))
    }

    @Test func `each term is waited for once, and only the current one stays noted`() throws {
        let installation = try installation()
        for id in ["r1", "r2", "r1"] {
            installation.store.replicationID = id
            #expect(try span(installation) == leaseEnd)
            #expect(try span(installation) == 0)
            let generation = installation.store.hashes[SimulatedInstallation.members]?["generation"]
            #expect(installation.fields("term:") == ["term:\(id):\(try #require(generation))"])
        }
    }

    @Test func `a list whose checksum was removed is waited for, whatever else was`() throws {
        let installation = try installation()
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        _ = try installation.revoke()
        for field in ["checksum", worker.id.description] {
            installation.store.hashes[SimulatedInstallation.members]?[field] = nil
        }
        #expect(try span(installation) == leaseEnd)
        #expect(try span(installation) == 0)
    }

    @Test func `a list that was removed is waited for again`() throws {
        let installation = try installation()
        _ = try installation.revoke()
        installation.store.hashes[SimulatedInstallation.members] = nil
        #expect(try span(installation) == leaseEnd)
        #expect(try span(installation) == 0)
    }

    @Test func `a store without any record is waited for: it may have been emptied`() throws {
        let installation = try installation()
        installation.store.hashes = [:]
        let before = installation.clock.elapsedMilliseconds
        _ = try installation.administration(of: "root").organizations
            .add(Installation.acme, owner: Installation.alice)
        let key = try installation.administration.keys.generate(for: Installation.acme)
        #expect(installation.expired(key.confirmation) == [])
        #expect(installation.clock.elapsedMilliseconds - before == leaseEnd)
    }

    @Test func `a list that begins anew during the wait is waited for again`() throws {
        let installation = try installation()
        installation.clock.at(500) {
            installation.store.hashes[SimulatedInstallation.members] = nil
            installation.worker(1)
        }
        #expect(try span(installation) == leaseEnd)
        installation.store.onSignal = { _ in ["0000000000000001"] }
        #expect(try span(installation) == leaseEnd)
        #expect(try span(installation) == 0)
    }

    @Test func `an entry that is removed by hand is waited for`() throws {
        let installation = try installation()
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        _ = try installation.revoke()
        #expect(try span(installation) == 0)
        installation.store.carryOut([
            RedisCommand("HDEL", .text(SimulatedInstallation.members), .text(worker.id.description))
        ])
        #expect(try span(installation) == leaseEnd)
        #expect(try span(installation) == 0)
    }

    @Test func `workers that join and leave make no difference`() throws {
        let installation = try installation()
        _ = try installation.revoke()
        for number in 1...3 { installation.worker(UInt64(number)) }
        installation.worker(2, registration: 1)
        let left = try #require(installation.membership?.members.first)
        installation.store.carryOut(MembershipCommands.leave(left))
        installation.store.onSignal = { _ in (1...3).map { Member.ID(UInt64($0)).description } }
        #expect(try span(installation) == 0)
    }

    @Test func `a worker with a longer grace than the configuration lengthens the wait`() throws {
        let installation = try installation()
        _ = try installation.revoke()
        let worker = installation.worker(1, grace: 9000)
        installation.store.onSignal = { _ in [worker.id.description] }
        #expect(try span(installation) == 10_220)
        #expect(try span(installation) == 0)
    }

    @Test func `a term that a worker has handed over is not waited for`() throws {
        let installation = try installation()
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        let generation = RedisReply.bulk(ArraySlice("\(worker.id)\(worker.token)".utf8))
        let replication = RedisReply.bulk(ArraySlice("master_replid:r1".utf8))
        let handover = TermHandover(generation, replication, trustMilliseconds: 1000)
        installation.store.carryOut([try #require(handover).command])
        #expect(try span(installation) == 0)
    }

    @Test func `without permission to ask for the term, each change waits`() throws {
        let installation = try installation()
        installation.store.refused = ["INFO"]
        for _ in 1...3 { #expect(try span(installation) == leaseEnd) }
    }

    @Test(arguments: ["HSETNX", "HSET"])
    func `without permission to note the term, each change waits`(command: String) throws {
        let installation = try installation()
        _ = try installation.revoke(.none)
        installation.store.refused = [command]
        for _ in 1...3 { #expect(try span(installation) == leaseEnd) }
    }

    @Test func `a wait that lasts too long ends uncertain, and says until when`() throws {
        let installation = try installation(hour)
        let begin = installation.clock.unix
        let outcome = try #require(installation.unacknowledged(try installation.revoke()))
        #expect(installation.clock.elapsedMilliseconds == 30_000)
        #expect(outcome.unlistedUntil == begin.advanced(byMilliseconds: hourEnd))
        #expect(outcome.unacknowledged.isEmpty && outcome.expired.isEmpty)
    }

    @Test func `a later change goes on with the wait`() throws {
        let installation = try installation(hour)
        let until = installation.unacknowledged(try installation.revoke())?.unlistedUntil
        #expect(installation.unacknowledged(try installation.revoke())?.unlistedUntil == until)
        installation.clock.advance(byMilliseconds: hourEnd - 65_000)
        #expect(try span(installation) == 5000)
        #expect(try span(installation) == 0)
    }

    @Test func `a wait that the caller ends goes on, too`() throws {
        let installation = try installation(hour)
        _ = try installation.revoke(.whileTrue { $0.elapsedMilliseconds < 300 })
        installation.clock.advance(byMilliseconds: hourEnd)
        #expect(try span(installation) == 0)
    }

    @Test func `a wait of another machine, term or list is none of this one`() throws {
        let installation = try installation(hour)
        _ = try installation.revoke()
        installation.clock.advance(byMilliseconds: hourEnd)
        installation.clock.bootID = "boot-2"
        #expect(try span(installation) == nil)
        installation.clock.bootID = "boot-1"
        installation.store.replicationID = "r2"
        #expect(try span(installation) == nil)
        installation.store.replicationID = "r1"
        installation.store.hashes[SimulatedInstallation.members]?["generation"] = "g2"
        #expect(try span(installation) == nil)
    }

    @Test func `an entry that is lost during a wait begins it anew`() throws {
        let installation = try installation(hour)
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        _ = try installation.revoke()
        installation.clock.advance(byMilliseconds: hourEnd)
        installation.store.carryOut([
            RedisCommand("HDEL", .text(SimulatedInstallation.members), .text(worker.id.description))
        ])
        #expect(try span(installation) == nil)
        installation.clock.advance(byMilliseconds: hourEnd)
        #expect(try span(installation) == 0)
    }
}
