import KeyFormat
import Keyring
import Testing

@testable import Administration

/// The record that is read back after all workers have acknowledged.
struct ReadBackTests {
    private let installation: SimulatedInstallation
    private let acme = Installation.acme

    init() throws {
        installation = try SimulatedInstallation()
    }

    /// Runs `body` after a change, before the record is read back.
    private func afterChange(_ action: @escaping () -> Void) {
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in
            installation.store.onSignal = { _ in [worker.id.description] }
            action()
            return [worker.id.description]
        }
    }

    @Test func `a revoked key that is back is reported`() throws {
        let before = installation.store.hashes[installation.record]
        afterChange { installation.store.hashes[installation.record] = before }
        #expect(try installation.revoke() == .unconfirmed(.undone))
    }

    @Test func `a replaced key that is back is reported, and the new one handed over`() throws {
        let before = installation.store.hashes[installation.record]
        afterChange { installation.store.hashes[installation.record] = before }
        let key = try installation.administration.keys.generate(for: acme)
        #expect(key.confirmation == .unconfirmed(.undone))
        #expect(key.text.count > 46)
    }

    @Test func `an older key that is back is reported`() throws {
        let before = installation.store.hashes[installation.record]
        _ = try installation.administration.keys.generate(for: acme)
        afterChange { installation.store.hashes[installation.record] = before }
        #expect(try installation.revoke() == .unconfirmed(.undone))
    }

    @Test func `a record that is gone is reported, whatever the change was`() throws {
        afterChange { installation.store.hashes[installation.record] = nil }
        let key = try installation.administration.keys.generate(for: acme)
        #expect(key.confirmation == .unconfirmed(.undone))
        let other = try SimulatedInstallation()
        let worker = other.worker(1)
        other.store.onSignal = { _ in
            other.store.hashes[other.record] = nil
            return [worker.id.description]
        }
        #expect(try other.revoke() == .unconfirmed(.undone))
    }

    @Test func `a later change by others is no failure`() throws {
        afterChange { _ = try? installation.administration.keys.generate(for: acme, policy: .none) }
        #expect(installation.expired(try installation.revoke()) == [])
        afterChange { _ = try? installation.revoke(.none) }
        let key = try installation.administration.keys.generate(for: acme)
        #expect(installation.expired(key.confirmation) == [])
    }

    @Test func `a previous key in its grace period is no failure`() throws {
        let key = try installation.administration.keys.generate(
            for: acme,
            lifetime: KeyLifetime(graceMilliseconds: 600_000)
        )
        #expect(installation.expired(key.confirmation) == [])
    }

    @Test func `a record that cannot be trusted is reported`() throws {
        afterChange { installation.store.hashes[installation.record]?["mac"] = "0" }
        guard case .unconfirmed(.notReadBack) = try installation.revoke() else {
            Issue.record("another end")
            return
        }
    }

    @Test func `a key is handed over although a worker did not acknowledge`() throws {
        installation.worker(1, lease: 3_600_000)
        let key = try installation.administration.keys.generate(for: acme)
        #expect(installation.unacknowledged(key.confirmation)?.unacknowledged.count == 1)
        let verification = try key.text.withSpan { try installation.administration.keys.verify($0) }
        #expect(verification == .issued(.valid(acme)))
    }
}
