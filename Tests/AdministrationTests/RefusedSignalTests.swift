import Keyring
import Testing

@testable import Administration

/// A change without its signal is made all the same.
struct RefusedSignalTests {
    private let acme = Installation.acme
    private let audit = AuditEntry(
        .register,
        by: Installation.alice,
        account: Installation.alice,
        at: UnixTime(milliseconds: 0)
    )

    private func isConfirmed(_ confirmation: ConfirmationResult?) -> Bool {
        if case .confirmed = confirmation { true } else { false }
    }

    private func revocation(_ installation: Installation) throws -> RecordChange? {
        let audit = AuditEntry(
            .revoke,
            by: Installation.alice,
            account: Installation.alice,
            at: UnixTime(milliseconds: 0)
        )
        return try installation.recordStore().change(acme, audit, isAwaited: true) {
            $0?.revokingKey(at: SystemClock.unixTime())
        }
    }

    @Test func `the signal goes out with a change that is waited for`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let signal = try #require(try revocation(installation)?.signalling.signal)
        #expect(signal.locator == acme.locator && signal.kind == .barrier)
        let keys = try installation.redis("KEYS", "latchkey:record:*:*")
        #expect(keys == .array([]))
    }

    @Test(arguments: ["set", "del"])
    func `without permission for the signal, the change is made and nothing of it is left`(
        command: String
    ) throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        try installation.redis("ACL", "SETUSER", "default", "-\(command)")
        let change = try #require(try revocation(installation))
        #expect(change.signalling == .refused)
        #expect(change.uncertainty == nil)
        #expect(try installation.verification(of: key) == .issued(.revoked))
        #expect(try installation.redis("KEYS", "latchkey:record:*:*") == .array([]))
    }

    @Test func `without a signal, leases are waited out, and the change is confirmed`() throws {
        let installation = try Installation(settings: [
            Directive(name: "latchkey_lease", values: ["50ms"])
        ])
        let key = try installation.addAcme()
        try installation.redis("ACL", "SETUSER", "default", "-set")
        #expect(isConfirmed(try installation.administration().keys.revoke(acme)))
        #expect(try installation.verification(of: key) == .issued(.revoked))
    }

    @Test func `the last record of a batch carries the signal of all`() throws {
        let installation = try Installation()
        let store = try installation.recordStore()
        let organizations = ["a", "b", "c"].map { Organization("\($0)-corp")! }
        let steps = organizations.map { organization in
            RecordBatch.Step(organization: organization, audit: audit) { existing in
                existing == nil && organization != organizations[2]
                    ? KeyRecord(organization: organization, owner: Installation.alice) : nil
            }
        }
        let changes = try RecordBatch(store, isAwaited: true).change(steps).compactMap { outcome in
            if case .changed(let change) = outcome { change } else { nil }
        }
        #expect(changes.map(\.record.organization) == Array(organizations.prefix(2)))
        #expect(changes.first?.signalling == .unsent)
        #expect(changes.last?.signalling.signal?.locator == organizations[1].locator)
    }

    @Test func `a batch is written without permission for its signal, too`() throws {
        let installation = try Installation()
        try installation.redis("ACL", "SETUSER", "default", "-del")
        let store = try installation.recordStore()
        let step = RecordBatch.Step(organization: acme, audit: audit) { _ in
            KeyRecord(organization: acme, owner: Installation.alice)
        }
        guard case .changed(let change) = try RecordBatch(store, isAwaited: true).change([step])[0]
        else {
            Issue.record("not changed")
            return
        }
        #expect(change.signalling == .refused)
        #expect(try installation.fields()["state"] == "none")
    }
}
