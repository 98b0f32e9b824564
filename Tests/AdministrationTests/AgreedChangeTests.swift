import Keyring
import Testing

@testable import Administration

/// A change does what the question said, or nothing.
struct AgreedChangeTests {
    private let acme = Installation.acme

    @Test func `a key that was generated after the question is neither replaced nor revoked`()
        throws
    {
        let installation = try Installation()
        try installation.addAcme()
        let alice = try installation.administration()
        let seen = try alice.keys.status(of: acme)
        let key = try installation.generate()
        #expect(failure { _ = try alice.keys.generate(for: acme, replacing: seen) } == .data)
        #expect(failure { _ = try alice.keys.revoke(acme, asIn: seen) } == .data)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `a first key that the question did not mention is not replaced either`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let alice = try installation.administration()
        let seen = try alice.keys.status(of: acme)
        let key = try installation.generate()
        #expect(failure { _ = try alice.keys.generate(for: acme, replacing: seen) } == .data)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `what has not changed since is replaced and revoked`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let alice = try installation.administration()
        _ = try alice.keys.generate(for: acme, replacing: try alice.keys.status(of: acme))
        #expect(try alice.keys.revoke(acme, asIn: try alice.keys.status(of: acme)) != nil)
    }

    @Test func `a change that lost a race is computed again from the stored record`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let store = try installation.recordStore()
        var seen: [UInt64] = []
        let audit = AuditEntry(
            .revoke,
            by: Installation.alice,
            account: Installation.alice,
            at: UnixTime(milliseconds: 0)
        )
        let change = try store.change(acme, audit) { record throws(AdministrationError) in
            let version = record?.version ?? 0
            if seen.isEmpty { #expect(throws: Never.self) { try installation.generate() } }
            seen.append(version)
            return record?.revokingKey(at: SystemClock.unixTime())
        }
        #expect(seen == [1, 2])
        #expect(change?.record.version == 3)
        #expect(try installation.administration().keys.status(of: acme).record.state == .revoked)
    }

    @Test func `a change that keeps losing races gives up`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let store = try installation.recordStore()
        let audit = AuditEntry(
            .revoke,
            by: Installation.alice,
            account: Installation.alice,
            at: UnixTime(milliseconds: 0)
        )
        let refusal = failure {
            _ = try store.change(acme, audit) { record throws(AdministrationError) in
                #expect(throws: Never.self) { try installation.generate() }
                return record?.revokingKey(at: SystemClock.unixTime())
            }
        }
        #expect(refusal == .store)
        #expect(try installation.administration().keys.status(of: acme).record.state == .active)
    }
}
