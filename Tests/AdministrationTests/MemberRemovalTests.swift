import Keyring
import Testing

@testable import Administration

/// Workers that an operator takes off the membership list.
struct MemberRemovalTests {
    private let installation: SimulatedInstallation
    private let removal: MemberRemoval

    /// The end of a lease of a second and a grace of an hour.
    private let hourEnd: UInt64 = 3_673_040

    init() throws {
        installation = try SimulatedInstallation()
        removal = MemberRemoval(installation.store, clock: installation.clock)
    }

    private func error(_ body: () throws(AdministrationError) -> Void) -> AdministrationError? {
        do throws(AdministrationError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test func `changes wait for a removed worker until its lease and grace have ended`() throws {
        let worker = installation.worker(1, grace: 3_600_000)
        let end = installation.clock.unix.advanced(byMilliseconds: hourEnd)
        #expect(try removal.remove(worker) == end)
        #expect(!installation.isMember(worker))
        let outcome = installation.unacknowledged(try installation.revoke())
        #expect(outcome?.unacknowledged.map(\.member) == [worker])
        #expect(outcome?.unacknowledged.map(\.until) == [end])
    }

    @Test func `once they have ended no change waits, and nothing of the worker is left`() throws {
        let worker = installation.worker(1, grace: 3_600_000)
        _ = try removal.remove(worker)
        installation.clock.advance(byMilliseconds: hourEnd)
        let elapsed = installation.clock.elapsedMilliseconds
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
        #expect(installation.fields("silent:").isEmpty)
    }

    @Test func `another machine waits from the moment at which it sees the removed worker`() throws
    {
        let worker = installation.worker(1, grace: 3_600_000)
        _ = try removal.remove(worker)
        installation.clock.bootID = "boot-2"
        installation.clock.advance(byMilliseconds: hourEnd)
        let outcome = installation.unacknowledged(try installation.revoke())
        #expect(outcome?.unacknowledged.map(\.member) == [worker])
    }

    @Test func `a change that is waiting goes on waiting for a worker that is removed`() throws {
        let worker = installation.worker(1)
        installation.clock.at(500) { _ = try? removal.remove(worker) }
        #expect(installation.expired(try installation.revoke()) == [worker])
        #expect(installation.clock.elapsedMilliseconds == 1040)
    }

    @Test func `a removed worker that is alive rejoins, and acknowledges changes`() throws {
        let worker = installation.worker(1, grace: 3_600_000)
        _ = try removal.remove(worker)
        let again = installation.worker(1, grace: 3_600_000, registration: 1)
        installation.store.onSignal = { _ in [again.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.isMember(again))
    }

    @Test func `no other worker and no wait of another is touched`() throws {
        let worker = installation.worker(1)
        let other = installation.worker(2)
        installation.store.onSignal = { _ in [other.id.description] }
        _ = try removal.remove(worker)
        #expect(installation.isMember(other))
        #expect(installation.membership?.suspects.map(\.member) == [worker])
        #expect(installation.fields("term:") == ["term:r1:g1"])
        #expect(installation.expired(try installation.revoke()) == [worker])
        #expect(installation.isMember(other))
    }

    @Test func `a worker that registers anew before it is removed stays`() throws {
        let worker = installation.worker(1)
        let again = installation.worker(1, registration: 1)
        let error = error { () throws(AdministrationError) in _ = try removal.remove(worker) }
        #expect(error?.kind == .data)
        #expect(installation.isMember(again))
        #expect(installation.membership?.suspects.isEmpty == true)
    }

    @Test func `others that join meanwhile do not keep a worker on the list`() throws {
        let worker = installation.worker(1)
        var number: UInt64 = 1
        installation.store.onCommand = { name in
            guard name == "MULTI", number < 5 else { return }
            number += 1
            installation.worker(number)
        }
        _ = try removal.remove(worker)
        #expect(!installation.isMember(worker))
        #expect(installation.membership?.members.count == 4)
    }

    @Test func `a removal whose reply is lost is found again`() throws {
        let worker = installation.worker(1)
        let end = installation.clock.unix.advanced(byMilliseconds: 1040)
        installation.store.onCommand = { name in
            guard name == "MULTI" else { return }
            installation.store.onCommand = { _ in }
            installation.store.carryOut(Array(Suspect.move([worker]).dropFirst().dropLast()))
        }
        #expect(try removal.remove(worker) == end)
        #expect(installation.expired(try installation.revoke()) == [worker])
    }

    @Test(arguments: ["WATCH", "HMGET", "MULTI", "HDEL", "HSETNX"])
    func `a store that refuses the removal is reported`(command: String) throws {
        let worker = installation.worker(1)
        installation.store.refused = [command]
        let error = error { () throws(AdministrationError) in _ = try removal.remove(worker) }
        #expect(error?.kind == .store)
        #expect(error?.message.hasSuffix("nothing was done") == true)
        #expect(installation.isMember(worker))
    }

    @Test func `only listed workers are found, and others are told apart`() throws {
        let worker = installation.worker(1)
        #expect(try removal.member(worker.id) == worker)
        installation.store.write(SimulatedInstallation.members, "stranger", "lease=soon")
        let stranger = try #require(Member.ID("stranger".utf8))
        let nobody = try #require(Member.ID("0123456789abcdef".utf8))
        _ = try removal.remove(worker)
        for (id, words) in [
            (stranger, "cannot be read"), (nobody, "is not on the membership list"),
            (worker.id, "has already been removed from the membership list"),
        ] {
            let error = error { () throws(AdministrationError) in _ = try removal.member(id) }
            #expect(error?.kind == .data)
            #expect(error?.message.contains("\(id) \(words)") == true)
        }
    }

    @Test(arguments: [("alice", nil), ("alice", "root"), ("root", nil)])
    func `only operators may remove workers`(account: String, principal: String?) throws {
        let directives = try ConfigurationFile.directives(in: Array("latchkey_prefix ab;".utf8))
        let caller = Caller(
            account: Principal(account)!,
            as: principal.flatMap { Principal($0) },
            operators: ["root"]
        )
        let configuration = try Configuration(directives)
        let error = error { () throws(AdministrationError) in
            _ = try MemberRemoval(configuration, caller: caller)
        }
        #expect(error?.kind == (account == "root" ? nil : .notPermitted))
    }
}
