import Keyring
import Testing

@testable import Administration

/// A store that is lost, or refuses, while gateways are waited for.
struct BarrierLossTests {
    private let fleet: SimulatedFleet

    init() throws {
        fleet = try SimulatedFleet()
    }

    @Test func `a store that is back in time is asked again, with the same word`() throws {
        let worker = fleet.worker(1, lease: 3_600_000)
        fleet.store.onPublication = { number in
            if number == 1 { fleet.store.isDown = true }
            return number == 1 ? [] : [worker.id.description]
        }
        fleet.clock.at(4000) { fleet.store.isDown = false }
        #expect(fleet.expired(try fleet.revoke()) == [])
        #expect(fleet.store.publications.count == 2)
        #expect(Set(fleet.store.publications).count == 1)
        #expect(fleet.store.renewals > 0)
    }

    @Test func `leases end without the store, but only the store tells what is stored`() throws {
        fleet.worker(1)
        fleet.store.onPublication = { _ in
            fleet.store.isDown = true
            return []
        }
        let confirmation = try fleet.revoke()
        guard case .unconfirmed(.notReadBack(let reason)) = confirmation else {
            Issue.record("another end: \(String(describing: confirmation))")
            return
        }
        #expect(reason == "it is down")
        #expect(fleet.clock.elapsedMilliseconds >= 30_000)
    }

    @Test func `leases end without the store, which then tells what is stored`() throws {
        let worker = fleet.worker(1)
        fleet.store.onPublication = { _ in
            fleet.store.isDown = true
            return []
        }
        fleet.clock.at(9000) { fleet.store.isDown = false }
        #expect(fleet.expired(try fleet.revoke()) == [worker])
        #expect(!fleet.isRegistered(worker))
    }

    @Test func `where the workers cannot be read nothing is known of them`() throws {
        fleet.worker(1)
        loseStore(untilMilliseconds: nil)
        let confirmation = try fleet.revoke()
        #expect(confirmation == .unconfirmed(.fleetUnknown("it is down")))
        #expect(fleet.clock.elapsedMilliseconds >= 30_000)
    }

    @Test func `workers that can be read in time are asked`() throws {
        let worker = fleet.worker(1)
        loseStore(untilMilliseconds: 2000)
        fleet.store.onPublication = { _ in [worker.id.description] }
        #expect(fleet.expired(try fleet.revoke()) == [])
    }

    @Test func `a lease is counted from when its entry was read, if that was late`() throws {
        let worker = fleet.worker(1)
        loseStore(untilMilliseconds: 2000)
        fleet.clock.at(2500) { fleet.worker(1, cached: 7) }
        #expect(fleet.expired(try fleet.revoke()) == [worker])
        #expect(fleet.clock.elapsedMilliseconds == 3040)
        #expect(fleet.isRegistered(worker))
    }

    @Test func `who ends the wait for the store ends it`() throws {
        fleet.worker(1)
        loseStore(untilMilliseconds: nil)
        let confirmation = try fleet.revoke(.whileTrue { $0.elapsedMilliseconds < 1000 })
        #expect(confirmation == .unconfirmed(.fleetUnknown("it is down")))
        #expect(fleet.clock.elapsedMilliseconds < 2000)
    }

    @Test func `without the right to read the workers nothing is known of them`() throws {
        fleet.store.refused = ["HGETALL"]
        #expect(
            try fleet.revoke() == .unconfirmed(.fleetUnknown("NOPERM no right to HGETALL"))
        )
        #expect(fleet.clock.elapsedMilliseconds == 0)
    }

    @Test(arguments: ["PUBLISH", "BLPOP"])
    func `without the right to ask the workers they are waited out`(command: String) throws {
        let worker = fleet.worker(1)
        fleet.store.refused = [command]
        let answer = BarrierOutcome(expired: [worker], fault: "NOPERM no right to \(command)")
        #expect(try fleet.revoke() == .confirmed(since: fleet.heldSince, answer))
        #expect(fleet.store.calls.count < 100)
    }

    @Test func `without the right to ask, an empty list is waited out`() throws {
        fleet.store.refused = ["PUBLISH"]
        let answer = BarrierOutcome(fault: "NOPERM no right to PUBLISH")
        #expect(try fleet.revoke() == .confirmed(since: fleet.heldSince, answer))
        #expect(fleet.clock.elapsedMilliseconds == 1040)
        #expect(fleet.store.calls.count < 100)
    }

    @Test(arguments: ["WATCH", "MULTI", "HDEL", "EXEC"])
    func `without the right to take an entry out it stays, and that is no failure`(
        command: String
    ) throws {
        let worker = fleet.worker(1)
        fleet.clock.at(1000) { fleet.store.refused = [command] }
        #expect(fleet.expired(try fleet.revoke()) == [worker])
        #expect(fleet.isRegistered(worker))
    }

    /// Loses the store before the workers are read.
    private func loseStore(untilMilliseconds end: UInt64?) {
        fleet.store.onCommand = { name in
            guard name == "HGETALL", fleet.clock.elapsedMilliseconds == 0 else { return }
            fleet.store.isDown = true
        }
        if let end { fleet.clock.at(end) { fleet.store.isDown = false } }
    }
}
