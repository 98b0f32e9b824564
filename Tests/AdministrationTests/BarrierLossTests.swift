import Keyring
import Testing

@testable import Administration

/// A store that is lost, or refuses commands, during the wait for workers.
struct BarrierLossTests {
    private let installation: SimulatedInstallation

    init() throws {
        installation = try SimulatedInstallation()
    }

    @Test func `a store that returns in time gets the same signal again`() throws {
        let worker = installation.worker(1, lease: 3_600_000)
        installation.store.onSignal = { $0 == 1 ? [] : [worker.id.description] }
        loseStoreDuringWait(untilMilliseconds: 4000)
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.store.signals.count == 2)
        #expect(Set(installation.store.signals).count == 1)
        #expect(installation.store.renewals > 0)
    }

    @Test func `leases end without the store, but the record must still be read back`() throws {
        installation.worker(1)
        loseStoreDuringWait(untilMilliseconds: nil)
        let confirmation = try installation.revoke()
        guard case .unconfirmed(.notReadBack(let reason)) = confirmation else {
            Issue.record("another end: \(String(describing: confirmation))")
            return
        }
        #expect(reason == "it is down")
        #expect(installation.clock.elapsedMilliseconds >= 30_000)
    }

    @Test func `leases end without the store, and the record is read back when it returns`() throws
    {
        let worker = installation.worker(1)
        loseStoreDuringWait(untilMilliseconds: 9000)
        #expect(installation.expired(try installation.revoke()) == [worker])
        #expect(installation.clock.elapsedMilliseconds >= 9000)
    }

    @Test func `a membership that cannot be read leaves a change uncertain`() throws {
        installation.worker(1)
        loseStore(untilMilliseconds: nil)
        let confirmation = try installation.revoke()
        #expect(confirmation == .unconfirmed(.membershipUnknown("it is down")))
        #expect(installation.clock.elapsedMilliseconds >= 30_000)
    }

    @Test func `a membership that can be read in time is used`() throws {
        let worker = installation.worker(1)
        loseStore(untilMilliseconds: 2000)
        installation.store.onSignal = { _ in [worker.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
    }

    @Test func `a lease counts from a late read of the membership`() throws {
        let worker = installation.worker(1)
        loseStore(untilMilliseconds: 2000)
        installation.clock.at(2500) { installation.worker(1, registration: 1) }
        #expect(installation.expired(try installation.revoke()) == [worker])
        #expect(installation.clock.elapsedMilliseconds == 3040)
        #expect(installation.isMember(worker))
    }

    @Test func `a caller can end the wait for the store`() throws {
        installation.worker(1)
        loseStore(untilMilliseconds: nil)
        let confirmation = try installation.revoke(.whileTrue { $0.elapsedMilliseconds < 1000 })
        #expect(confirmation == .unconfirmed(.membershipUnknown("it is down")))
        #expect(installation.clock.elapsedMilliseconds < 2000)
    }

    @Test func `without permission to read the membership a change is uncertain`() throws {
        installation.store.refused = ["HGETALL"]
        #expect(
            try installation.revoke()
                == .unconfirmed(.membershipUnknown("NOPERM no right to HGETALL"))
        )
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test func `without permission to wait for acknowledgements, leases are waited out`() throws {
        let worker = installation.worker(1)
        installation.store.refused = ["BLPOP"]
        let outcome = BarrierOutcome(expired: [worker], fault: "NOPERM no right to BLPOP")
        #expect(try installation.revoke() == .confirmed(since: installation.heldSince, outcome))
        #expect(installation.store.calls.count < 100)
    }

    @Test func `a signal that the store takes no more is no reason to move a worker`() throws {
        let worker = installation.worker(1)
        // It changes the record, and then only confirms that it was revoked.
        _ = try installation.revoke(.none)
        installation.store.refused = ["SET"]
        #expect(installation.expired(try installation.revoke()) == [worker])
        #expect(installation.isMember(worker))
    }

    /// Loses the store once, when the first acknowledgement is waited for.
    private func loseStoreDuringWait(untilMilliseconds end: UInt64?) {
        installation.store.onCommand = { name in
            guard name == "BLPOP", installation.clock.elapsedMilliseconds == 0 else { return }
            installation.store.isDown = true
        }
        if let end { installation.clock.at(end) { installation.store.isDown = false } }
    }

    /// Loses the store before the membership is read: it refuses the reading that comes with the change.
    private func loseStore(untilMilliseconds end: UInt64?) {
        var readings = 0
        installation.store.onCommand = { name in
            guard name == "HGETALL" else { return }
            readings += 1
            installation.store.refused = readings == 1 ? ["HGETALL"] : []
            if readings == 2 { installation.store.isDown = true }
        }
        if let end { installation.clock.at(end) { installation.store.isDown = false } }
    }
}
