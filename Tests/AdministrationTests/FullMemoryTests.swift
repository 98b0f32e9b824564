import Glibc
import KeyFormat
import Keyring
import Testing

@testable import Administration

/// A Redis without memory for another byte: a revocation needs none.
struct FullMemoryTests {
    private let acme = Installation.acme
    private let installation: Installation
    private let key: String

    init() throws {
        installation = try Installation()
        key = try installation.addAcme()
        try setMemory("1")
    }

    private func setMemory(_ bytes: String) throws {
        try installation.redis("CONFIG", "SET", "maxmemory", bytes)
    }

    private func isIncomplete(_ confirmation: ConfirmationResult?) -> Bool {
        guard case .unconfirmed(.incomplete(let reason)) = confirmation else { return false }
        return reason.contains("OOM")
    }

    private func isConfirmed(_ confirmation: ConfirmationResult?) -> Bool {
        if case .confirmed = confirmation { true } else { false }
    }

    /// The record admits no request of anyone who reads it.
    private func expectNoKey() throws {
        let fields = try installation.fields()
        #expect(fields["verifier"] == nil && fields["previous_verifier"] == nil)
        #expect(fields["mac"] == nil)
        #expect(failure { _ = try installation.verification(of: key) } == .data)
    }

    @Test func `a revocation deletes the keys, and is completed once there is memory`() throws {
        let alice = try installation.administration()
        #expect(isIncomplete(try alice.keys.revoke(acme)))
        try expectNoKey()
        #expect(isIncomplete(try alice.keys.revoke(acme)))
        try expectNoKey()

        try setMemory("0")
        #expect(isConfirmed(try alice.keys.revoke(acme)))
        #expect(try installation.fields()["state"] == "revoked")
        #expect(try installation.verification(of: key) == .issued(.revoked))
        #expect(isConfirmed(try alice.keys.revoke(acme)))
        let audit = try installation.redis("LRANGE", installation.storeKey("audit"), "-1", "-1")
        guard case .array(let last) = audit else {
            Issue.record("there is no audit")
            return
        }
        #expect(last.first?.string.contains("what=revoke who=alice") == true)
    }

    @Test func `both keys of a grace period are deleted`() throws {
        try setMemory("0")
        _ = try installation.generate(grace: 600_000)
        try setMemory("1")
        #expect(isIncomplete(try installation.administration().keys.revoke(acme)))
        try expectNoKey()
    }

    @Test func `without a wait, the missing memory is reported all the same`() throws {
        let alice = try installation.administration()
        #expect(isIncomplete(try alice.keys.revoke(acme, policy: .none)))
        try expectNoKey()
    }

    @Test func `after an incomplete revocation, only the claimed owner revokes`() throws {
        _ = try installation.administration().keys.revoke(acme)
        try setMemory("0")
        let before = try installation.fields()
        for (account, name) in [("bob", nil), ("root", nil), ("root", "bob")] {
            let other = try installation.administration(account, as: name)
            #expect(failure { _ = try other.keys.revoke(acme) } == .notPermitted)
        }
        #expect(try installation.fields() == before)
    }

    @Test func `a record without proof does not become one by its revocation`() throws {
        _ = try installation.administration().keys.revoke(acme)
        try setMemory("0")
        try installation.redis("HSET", installation.storeKey(), "owner", "bob")
        let bob = try installation.administration("bob")
        #expect(isConfirmed(try bob.keys.revoke(acme)))
        #expect(failure { _ = try bob.keys.generate(for: acme) } == .data)
        #expect(failure { _ = try bob.keys.status(of: acme) } == .data)
    }

    @Test func `a new key needs the organization to be added again, and the refusal says so`()
        throws
    {
        let alice = try installation.administration()
        _ = try alice.keys.revoke(acme)
        try setMemory("0")
        _ = try alice.keys.revoke(acme)
        let error = #expect(throws: AdministrationError.self) { try installation.generate() }
        #expect(error?.kind == .data)
        #expect(error?.message.contains("\"latchkey org remove\" and \"latchkey org add\"") == true)

        let root = try installation.administration("root")
        #expect(isConfirmed(try root.organizations.remove(acme)))
        #expect(try root.organizations.add(acme, owner: Installation.alice))
        let new = try installation.generate()
        #expect(try installation.verification(of: new) == .issued(.valid(acme)))
    }

    @Test func `a removal deletes the keys, and is completed once there is memory`() throws {
        let root = try installation.administration("root")
        #expect(isIncomplete(try root.organizations.remove(acme)))
        try expectNoKey()
        try setMemory("0")
        #expect(isConfirmed(try root.organizations.remove(acme)))
        #expect(try installation.fields()["state"] == "removed")
    }

    @Test func `without the pepper, the keys are deleted too`() throws {
        rename("\(installation.redis.folder)/pepper", "\(installation.redis.folder)/lost")
        let revocation = try #require(try installation.pepperless())
        #expect(isIncomplete(try revocation.revoke(acme)))
        let fields = try installation.fields()
        #expect(fields["verifier"] == nil && fields["mac"] == nil)
        try setMemory("0")
        #expect(isConfirmed(try revocation.revoke(acme)))
        #expect(try installation.fields()["state"] == "revoked")
    }

    @Test func `whatever ends no key changes nothing`() throws {
        let before = try installation.fields()
        let root = try installation.administration("root")
        #expect(failure { try installation.generate() } == .store)
        #expect(
            failure { _ = try root.organizations.transfer(acme, to: Principal("bob")!) } == .store
        )
        #expect(try installation.fields() == before)
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
    }

    @Test func `an error between many organizations says how many are done`() throws {
        try setMemory("0")
        let lines = (0...RecordBatch.countMax).map { number in
            OrganizationLine(
                number: number + 1,
                organization: Organization("org-\(number)")!,
                principal: Installation.alice
            )
        }
        let root = try installation.administration("root")
        let error = #expect(throws: AdministrationError.self) {
            try root.bulk.addOrganizations(lines) { progress in
                if progress.done > 0 { try? setMemory("1") }
                return true
            }
        }
        #expect(error?.kind == .store)
        #expect(error?.message.hasPrefix("after 250 lines, which stay as they are: ") == true)
    }
}
