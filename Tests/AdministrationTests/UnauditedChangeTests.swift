import Glibc
import Keyring
import Testing

@testable import Administration

/// A change without its audit entry is made, and reported as such.
struct UnauditedChangeTests {
    private let acme = Installation.acme
    private let installation: Installation

    init() throws {
        installation = try Installation()
        try installation.addAcme()
        try installation.redis("DEL", installation.storeKey("audit"))
        try installation.redis("SET", installation.storeKey("audit"), "no list")
    }

    private func isNotAudited(_ confirmation: ConfirmationResult?) -> Bool {
        guard case .unconfirmed(.notAudited(let reason)) = confirmation else { return false }
        return reason.hasPrefix("WRONGTYPE")
    }

    @Test func `an unaudited key is handed over, and revoked`() throws {
        let alice = try installation.administration()
        let generated = try alice.keys.generate(for: acme)
        #expect(isNotAudited(generated.confirmation))
        guard case .issued(.valid) = try installation.verification(of: generated.text.string)
        else {
            Issue.record("the key is not valid")
            return
        }
        #expect(isNotAudited(try alice.keys.revoke(acme)))
        let standing = try installation.verification(of: generated.text.string)
        #expect(standing == .issued(.revoked))
    }

    @Test func `without a wait, the missing audit entry is reported all the same`() throws {
        #expect(isNotAudited(try installation.administration().keys.revoke(acme, policy: .none)))
    }

    @Test func `without the pepper, the missing audit entry is reported too`() throws {
        rename("\(installation.redis.folder)/pepper", "\(installation.redis.folder)/lost")
        let revocation = try #require(try installation.pepperless())
        #expect(isNotAudited(try revocation.revoke(acme)))
    }

    @Test func `operators learn which change is not audited`() throws {
        let root = try installation.administration("root")
        let bob = Principal("bob")!
        let error = #expect(throws: AdministrationError.self) {
            try root.organizations.transfer(acme, to: bob)
        }
        #expect(error?.kind == .unconfirmed)
        #expect(error?.message.contains("the change is not in its audit: WRONGTYPE") == true)
        #expect(try installation.fields()["owner"] == "bob")
        #expect(isNotAudited(try root.organizations.remove(acme)))
        #expect(failure { _ = try root.organizations.add(acme, owner: bob) } == .unconfirmed)
        #expect(try installation.fields()["state"] == "none")
    }

    @Test func `of many organizations, those that are not audited are named`() throws {
        let root = try installation.administration("root")
        let umbrella = Organization("umbrella")!
        let lines = [acme, umbrella].map {
            OrganizationLine(number: 1, organization: $0, principal: Installation.alice)
        }
        _ = try root.organizations.remove(acme)
        let summary = try root.bulk.addOrganizations(lines) { _ in true }
        #expect(summary.changed == 2)
        #expect(summary.refusals.map(\.line.organization) == [acme])
        #expect(summary.refusals.first?.error.kind == .unconfirmed)
    }

    @Test func `last uses that cannot be imported are reported`() throws {
        try installation.redis("ZADD", installation.used, "1790000000000", "\(acme.locator)")
        let root = try installation.administration("root")
        let (text, _) = try root.archive.export()
        try installation.redis("FLUSHALL")
        try installation.redis("SET", installation.used, "no sorted set")
        let (summary, _) = try root.archive.import(text, policy: .untilConfirmed) { _ in true }
        #expect(summary.written == 1)
        #expect(summary.faults.count == 1)
        #expect(summary.faults.first?.hasPrefix("last uses were not imported: WRONGTYPE") == true)
    }
}
