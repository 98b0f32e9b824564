import Keyring
import RedisClient
import Testing

@testable import Administration

/// The life of a key, with a real Redis.
struct KeyLifeTests {
    private let acme = Installation.acme

    @Test func `an organization begins without a key`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let status = try installation.administration().keys.status(of: acme)
        #expect(status.record.state == .none)
        #expect(status.record.key == nil)
    }

    @Test func `adding an organization again for its owner changes nothing`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let before = try installation.fields()
        let root = try installation.administration("root")
        #expect(try !root.organizations.add(acme, owner: Installation.alice))
        #expect(failure { _ = try root.organizations.add(acme, owner: Principal("bob")!) } == .data)
        #expect(try installation.fields() == before)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `a generated key is valid, and its owner sees it`() throws {
        let installation = try Installation()
        let before = SystemClock.unixTime()
        let key = try installation.addAcme()
        let record = try installation.administration().keys.status(of: acme).record
        let active = try #require(record.key)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
        #expect(active.createdBy == Installation.alice)
        #expect(before <= active.createdAt && active.createdAt <= SystemClock.unixTime())
        #expect(active.expiresAt == nil)
    }

    @Test func `what is stored holds no part of the key's secret`() throws {
        let installation = try Installation()
        let secret = try installation.addAcme().suffix(46)
        let stored = try installation.fields().values.joined(separator: " ")
        for start in secret.indices.dropLast(9) {
            #expect(!stored.contains(secret[start...].prefix(10)))
        }
    }

    @Test func `a new key invalidates the previous one at once`() throws {
        let installation = try Installation()
        let old = try installation.addAcme()
        let new = try installation.generate()
        #expect(try installation.verification(of: old) == .issued(.revoked))
        #expect(try installation.verification(of: new) == .issued(.valid(acme)))
    }

    @Test func `with a grace period the previous key stays valid`() throws {
        let installation = try Installation()
        let old = try installation.addAcme()
        let new = try installation.generate(grace: 600_000)
        for key in [old, new] {
            #expect(try installation.verification(of: key) == .issued(.valid(acme)))
        }
        let record = try installation.administration().keys.status(of: acme).record
        let created = try #require(record.key?.createdAt)
        #expect(record.previous?.until == created.advanced(byMilliseconds: 600_000))
    }

    @Test func `a key expires`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let key = try installation.generate(expiresIn: 1)
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 5000)
        while try installation.verification(of: key) != .issued(.expired) {
            try #require(SystemClock.monotonicTime() < deadline)
        }
    }

    @Test func `a revoked key is gone for good, and so is the previous key in its grace period`()
        throws
    {
        let installation = try Installation()
        let old = try installation.addAcme()
        let new = try installation.generate(grace: 600_000)
        let before = SystemClock.unixTime()
        let revocation = try installation.administration().keys.revoke(acme)
        guard case .confirmed(let since, _) = revocation else {
            Issue.record("not confirmed: \(String(describing: revocation))")
            return
        }
        #expect(before <= since && since <= SystemClock.unixTime().advanced(byMilliseconds: 1))
        for key in [old, new] {
            #expect(try installation.verification(of: key) == .issued(.revoked))
        }
        let record = try installation.administration().keys.status(of: acme).record
        #expect(record.state == .revoked)
        #expect(try installation.fields()["verifier"] == nil)
        #expect(try installation.fields()["previous_verifier"] == nil)
    }

    @Test func `revoking without a key does nothing`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let before = try installation.fields()
        #expect(try installation.administration().keys.revoke(acme) == nil)
        #expect(try installation.fields() == before)
    }

    @Test func `a key can be generated after a revocation`() throws {
        let installation = try Installation()
        try installation.addAcme()
        _ = try installation.administration().keys.revoke(acme)
        let key = try installation.generate()
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
        #expect(try installation.fields()["revoked_at"] == nil)
    }

    @Test func `only the owner changes anything`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        for (account, principal) in [("root", nil), ("bob", nil), ("root", "bob")] {
            let other = try installation.administration(account, as: principal)
            #expect(failure { _ = try other.keys.status(of: acme) } == .notPermitted)
            #expect(failure { _ = try other.keys.revoke(acme) } == .notPermitted)
            #expect(failure { _ = try other.keys.generate(for: acme) } == .notPermitted)
        }
        #expect(try installation.fields() == before)
    }

    @Test func `an operator acts for the owner, and the audit names both`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let operating = try installation.administration("root", as: "alice")
        _ = try operating.keys.generate(for: acme)
        _ = try installation.administration().keys.revoke(acme)
        #expect(
            try audit(installation) == [
                "what=register who=root via=root", "what=generate who=alice via=root",
                "what=revoke who=alice via=alice",
            ]
        )
    }

    @Test func `forged keys are told apart from revoked ones`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let other = try Installation().addAcme()
        for text in ["", "nonsense", key + "0", String(key.dropLast()), key.uppercased()] {
            #expect(try installation.verification(of: text) == .malformed)
        }
        #expect(try installation.verification(of: other) == .forged)
    }

    /// The entries of the audit without their times.
    private func audit(_ installation: Installation) throws -> [String] {
        let reply = try installation.redis("LRANGE", installation.storeKey("audit"), "0", "-1")
        guard case .array(let entries) = reply else { return [] }
        return entries.map { String($0.string.drop { $0 != " " }.dropFirst()) }
    }
}
