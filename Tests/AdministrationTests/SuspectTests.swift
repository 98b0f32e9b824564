import Keyring
import RedisClient
import Testing

@testable import Administration

/// Silent workers, which a change moves off the membership list.
struct SuspectTests {
    private let installation: SimulatedInstallation

    /// The end of a lease of a second and a grace of an hour.
    private let hourEnd: UInt64 = 3_673_040

    init() throws {
        installation = try SimulatedInstallation()
    }

    private func silent(_ confirmation: ConfirmationResult?) -> [Member]? {
        installation.unacknowledged(confirmation)?.unacknowledged.map(\.member)
    }

    private var suspects: [Member]? { installation.membership?.suspects.map(\.member) }

    @Test func `a silent worker is moved, and removed once nothing is to be waited for`() throws {
        let dead = installation.worker(1, grace: 3_600_000)
        #expect(silent(try installation.revoke()) == [dead])
        #expect(!installation.isMember(dead))
        #expect(suspects == [dead])
        installation.clock.advance(byMilliseconds: hourEnd - 1)
        #expect(silent(try installation.revoke()) == nil)
        #expect(suspects == [])
        #expect(installation.fields("silent:").isEmpty)
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
    }

    @Test func `a suspect is waited for from the moment at which it was moved`() throws {
        installation.worker(1, grace: 3_600_000)
        let outcome = try #require(installation.unacknowledged(try installation.revoke()))
        let until = try #require(outcome.unacknowledged.first?.until)
        // It was moved when the wait of half a minute was over.
        let movedUntil = until.advanced(byMilliseconds: 30_000)
        for _ in 1...2 {
            installation.clock.advance(byMilliseconds: 60_000)
            let outcome = installation.unacknowledged(try installation.revoke())
            #expect(outcome?.unacknowledged.map(\.until) == [movedUntil])
        }
    }

    @Test func `another machine waits from the moment at which it sees the suspect`() throws {
        let dead = installation.worker(1, grace: 3_600_000)
        _ = try installation.revoke()
        installation.clock.bootID = "boot-2"
        installation.clock.advance(byMilliseconds: hourEnd)
        #expect(silent(try installation.revoke()) == [dead])
        #expect(installation.fields("silent:").count == 3)
        installation.clock.advance(byMilliseconds: hourEnd - 30_000)
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.fields("silent:").isEmpty)
    }

    @Test func `the machine that moved a suspect removes what others have noted`() throws {
        installation.worker(1, grace: 3_600_000)
        _ = try installation.revoke()
        installation.clock.bootID = "boot-2"
        _ = try installation.revoke(.whileTrue { $0.elapsedMilliseconds < 300 })
        installation.clock.bootID = "boot-1"
        installation.clock.advance(byMilliseconds: hourEnd)
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.fields("silent:").isEmpty)
    }

    @Test func `a suspect that acknowledges is not waited for`() throws {
        let suspect = installation.worker(1, grace: 3_600_000)
        _ = try installation.revoke()
        installation.store.onSignal = { _ in [suspect.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(suspects == [suspect])
    }

    @Test func `a suspect that registers anew is a member, and no change waits for what it had`()
        throws
    {
        installation.worker(1, grace: 3_600_000)
        _ = try installation.revoke()
        let alive = installation.worker(1, grace: 3_600_000, registration: 1)
        installation.store.onSignal = { _ in [alive.id.description] }
        installation.clock.advance(byMilliseconds: hourEnd)
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
        #expect(installation.isMember(alive))
        #expect(suspects == [])
    }

    @Test func `a worker that registered anew while it was waited for is not moved`() throws {
        let silent = installation.worker(1)
        installation.clock.at(500) { installation.worker(1, registration: 1) }
        #expect(installation.expired(try installation.revoke()) == [silent])
        #expect(installation.isMember(silent))
        #expect(suspects == [])
    }

    @Test func `a worker that left while it was waited for is not moved`() throws {
        let left = installation.worker(1)
        installation.clock.at(500) { installation.store.carryOut(MembershipCommands.leave(left)) }
        #expect(installation.expired(try installation.revoke()) == [left])
        #expect(suspects == [])
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
    }

    @Test func `a worker that registers anew between the reading and the move is not moved`() throws
    {
        installation.worker(1)
        installation.store.onCommand = { name in
            guard name == "EXEC", installation.clock.elapsedMilliseconds > 1000 else { return }
            installation.worker(1, registration: 1)
        }
        _ = try installation.revoke()
        #expect(installation.membership?.members.count == 1)
        #expect(suspects == [])
    }

    @Test(arguments: [("WATCH", 2), ("EXEC", 1)])
    func `a suspect that another change removes at the same time is removed once`(
        command: String,
        number: Int
    ) throws {
        installation.worker(1)
        _ = try installation.revoke()
        installation.clock.advance(byMilliseconds: 1040)
        let ended = try #require(installation.membership?.suspects)
        var count = 0
        installation.store.onCommand = { name in
            if name == command { count += 1 }
            guard name == command, count == number else { return }
            installation.store.carryOut(Suspect.remove(ended))
        }
        _ = try installation.revoke()
        #expect(suspects == [])
        installation.store.onCommand = { _ in }
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
    }

    @Test func `hundreds of dead workers are moved and removed`() throws {
        for number in 1...600 { installation.worker(UInt64(number)) }
        #expect(installation.expired(try installation.revoke())?.count == 600)
        #expect(installation.membership?.members.isEmpty == true)
        #expect(suspects?.count == 600)
        installation.clock.advance(byMilliseconds: 1040)
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(suspects == [])
        #expect(installation.fields("silent:").isEmpty)
    }

    @Test func `a worker that is dead is not waited for after its lease, whatever its version`()
        throws
    {
        let dead = installation.worker(1)
        let text = installation.store.hashes[SimulatedInstallation.members]?[dead.id.description]
        installation.store.write(
            SimulatedInstallation.members,
            dead.id.description,
            try #require(text) + " zone=b"
        )
        #expect(installation.expired(try installation.revoke()) == [dead])
        #expect(!installation.isMember(dead))
    }

    @Test func `a note that is removed by hand makes the next change wait`() throws {
        installation.worker(1)
        _ = try installation.revoke()
        let name = try #require(installation.fields("silent:").first)
        installation.store.hashes[SimulatedInstallation.members]?[name] = nil
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed + 1040)
    }

    @Test func `a wait that the caller ends moves nobody`() throws {
        let silent = installation.worker(1)
        _ = try installation.revoke(.whileTrue { $0.elapsedMilliseconds < 300 })
        #expect(installation.isMember(silent))
        #expect(suspects == [])
    }

    @Test func `without a signal leases are waited out, and nobody is moved`() throws {
        let silent = installation.worker(1)
        installation.store.onSignal = { _ in [silent.id.description] }
        let clock = installation.clock
        var change = RecordChange(
            before: nil,
            record: KeyRecord(organization: Installation.acme, owner: Installation.alice),
            repliedAt: clock.monotonic
        )
        change.signalling = .refused
        let confirmer = installation.administration.confirmer
        let confirmation = confirmer.confirmation(of: change, .untilConfirmed)
        #expect(installation.expired(confirmation) == [silent])
        #expect(clock.elapsedMilliseconds == 1040)
        #expect(installation.store.signals.isEmpty)
        #expect(installation.isMember(silent))
    }

    @Test(arguments: ["WATCH", "HMGET", "MULTI", "HDEL", "HSETNX"])
    func `without permission to move a worker, each change waits for it`(command: String) throws {
        let dead = installation.worker(1)
        installation.clock.at(1000) { installation.store.refused = [command] }
        _ = try installation.revoke()
        #expect(installation.isMember(dead))
        installation.store.refused = []
        #expect(installation.expired(try installation.revoke()) == [dead])
        #expect(!installation.isMember(dead))
    }
}
