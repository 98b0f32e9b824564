import KeyFormat
import Keyring
import Testing

@testable import Administration

/// What is stored after all gateways have confirmed.
struct ReadBackTests {
    private let fleet: SimulatedFleet
    private let acme = Installation.acme

    init() throws {
        fleet = try SimulatedFleet()
    }

    /// Does something with the store after a change, before it is read back.
    private func afterChange(_ action: @escaping () -> Void) {
        let worker = fleet.worker(1)
        fleet.store.onPublication = { _ in
            fleet.store.onPublication = { _ in [worker.id.description] }
            action()
            return [worker.id.description]
        }
    }

    @Test func `a revoked key that is back is told`() throws {
        let before = fleet.store.hashes[fleet.record]
        afterChange { fleet.store.hashes[fleet.record] = before }
        #expect(try fleet.revoke() == .unconfirmed(.undone))
    }

    @Test func `a replaced key that is back is told, and the new one handed over`() throws {
        let before = fleet.store.hashes[fleet.record]
        afterChange { fleet.store.hashes[fleet.record] = before }
        let key = try fleet.administration.generate(for: acme)
        #expect(key.confirmation == .unconfirmed(.undone))
        #expect(key.text.count > 46)
    }

    @Test func `a key from before the last one that is back is told`() throws {
        let before = fleet.store.hashes[fleet.record]
        _ = try fleet.administration.generate(for: acme)
        afterChange { fleet.store.hashes[fleet.record] = before }
        #expect(try fleet.revoke() == .unconfirmed(.undone))
    }

    @Test func `a record that is gone is told, whatever was done to it`() throws {
        afterChange { fleet.store.hashes[fleet.record] = nil }
        let key = try fleet.administration.generate(for: acme)
        #expect(key.confirmation == .unconfirmed(.undone))
        let other = try SimulatedFleet()
        let worker = other.worker(1)
        other.store.onPublication = { _ in
            other.store.hashes[other.record] = nil
            return [worker.id.description]
        }
        #expect(try other.revoke() == .unconfirmed(.undone))
    }

    @Test func `what others changed since is no failure`() throws {
        afterChange { _ = try? fleet.administration.generate(for: acme, waiting: .none) }
        #expect(fleet.expired(try fleet.revoke()) == [])
        afterChange { _ = try? fleet.revoke(.none) }
        let key = try fleet.administration.generate(for: acme)
        #expect(fleet.expired(key.confirmation) == [])
    }

    @Test func `a key that goes on for a while is no failure`() throws {
        let key = try fleet.administration.generate(for: acme, graceMilliseconds: 600_000)
        #expect(fleet.expired(key.confirmation) == [])
    }

    @Test func `a record that cannot be trusted is told`() throws {
        afterChange { fleet.store.hashes[fleet.record]?["mac"] = "0" }
        guard case .unconfirmed(.notReadBack) = try fleet.revoke() else {
            Issue.record("another end")
            return
        }
    }

    @Test func `a key is handed over though a gateway did not confirm it`() throws {
        fleet.worker(1, lease: 3_600_000)
        let key = try fleet.administration.generate(for: acme)
        #expect(fleet.doubt(key.confirmation)?.doubtful.count == 1)
        let verification = try key.text.withSpan { try fleet.administration.verify($0) }
        #expect(verification == .issued(.valid(acme)))
    }
}
