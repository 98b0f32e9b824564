import Glibc
import Keyring
import Testing

@testable import Administration

/// Revocation without the pepper.
struct UnprovenRevocationTests {
    private let acme = Installation.acme

    private func lose(_ installation: Installation) {
        rename("\(installation.redis.folder)/pepper", "\(installation.redis.folder)/lost")
    }

    private func find(_ installation: Installation) {
        rename("\(installation.redis.folder)/lost", "\(installation.redis.folder)/pepper")
    }

    @Test func `while the pepper exists, there is no revocation without it`() throws {
        let installation = try Installation()
        #expect(try installation.pepperless() == nil)
    }

    @Test func `the owner revokes the key, and the remaining record admits no request`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        lose(installation)
        let revocation = try #require(try installation.pepperless())
        #expect(try revocation.lastUse(of: acme) == .never)
        guard case .confirmed = try revocation.revoke(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(try revocation.lastUse(of: acme) == nil)
        let fields = try installation.fields()
        #expect(fields["state"] == "revoked" && fields["version"] == "4")
        #expect(fields["verifier"] == nil && fields["mac"] == nil)
        find(installation)
        #expect(try installation.verification(of: key) == .issued(.revoked))
        // A record that cannot be proven is not believed until an operator adds the organization again.
        #expect(failure { _ = try installation.generate() } == .data)
    }

    @Test func `revoking again sends another signal, and changes nothing`() throws {
        let installation = try Installation()
        try installation.addAcme()
        lose(installation)
        let revocation = try #require(try installation.pepperless())
        _ = try revocation.revoke(acme)
        let before = try installation.fields()
        guard case .confirmed = try revocation.revoke(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(try installation.fields() == before)
    }

    @Test func `only the owner that the record claims revokes`() throws {
        let installation = try Installation()
        try installation.addAcme()
        lose(installation)
        let before = try installation.fields()
        for (account, name) in [("bob", nil), ("root", nil), ("bob", "alice"), ("root", "bob")] {
            let other = try #require(try installation.pepperless(account, as: name))
            #expect(failure { _ = try other.revoke(acme) } == .notPermitted)
            #expect(failure { _ = try other.lastUse(of: acme) } == .notPermitted)
        }
        #expect(try installation.fields() == before)
    }
}
