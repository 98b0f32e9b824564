import Keyring
import Testing

@testable import Administration

/// Transactions that may or may not have been carried out.
struct LostTransactionTests {
    private let acme = Installation.acme

    @Test func `a transaction that never arrived is tried again`() throws {
        let installation = try Installation()
        let old = try installation.addAcme()
        let proxy = try CuttingProxy(installation.redis, [.before])
        let new = try installation.administration(through: proxy).keys.generate(for: acme).text
            .string
        #expect(try installation.verification(of: old) == .issued(.revoked))
        #expect(try installation.verification(of: new) == .issued(.valid(acme)))
        #expect(try installation.fields()["version"] == "3")
    }

    @Test func `a transaction that is lost twice is uncertain`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let proxy = try CuttingProxy(installation.redis, [.before, .before])
        let alice = try installation.administration(through: proxy)
        #expect(failure { _ = try alice.keys.revoke(acme) } == .unconfirmed)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `an incomplete reply counts as success if the record is as intended`()
        throws
    {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        try installation.redis("DEL", installation.storeKey("audit"))
        try installation.redis("SET", installation.storeKey("audit"), "text")
        let key = try installation.generate()
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `a connection that was closed while idle is replaced`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let alice = try installation.administration()
        let seen = try alice.keys.status(of: acme)
        try installation.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        #expect(try alice.keys.revoke(acme, asIn: seen) != nil)
        #expect(try installation.verification(of: key) == .issued(.revoked))
    }

    @Test func `a key of a lost batch that was revoked meanwhile is not written again`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let proxy = try CuttingProxy(installation.redis, [.after]) {
            #expect(throws: Never.self) {
                try installation.administration().keys.revoke(Installation.acme)
            }
        }
        let (summary, _) = try installation.administration("root", through: proxy).bulk
            .generateKeys(
                [OrganizationLine(number: 1, organization: acme, principal: Installation.alice)],
                isReplacing: true,
                lifetime: KeyLifetime(expiresInMilliseconds: nil, graceMilliseconds: 0),
                policy: .none,
                deliver: { _ in Issue.record("a key is handed over that is not valid") },
                onProgress: { _ in true }
            )
        #expect(summary.refusals.map(\.error.kind) == [.unconfirmed])
        #expect(try installation.administration().keys.status(of: acme).record.key == nil)
    }
}
