import Keyring
import Testing

@testable import Administration

/// The life of an organization, with a real Redis.
struct OrganizationTests {
    private let acme = Installation.acme
    private let bob = Principal("bob")!

    @Test func `organizations are listed by name, with their owners and nothing else`() throws {
        let installation = try Installation()
        let root = try installation.administration("root")
        for name in ["umbrella", "acme", "initech"] {
            _ = try root.organizations.add(Organization(name)!, owner: Installation.alice)
        }
        let (entries, faults) = try root.organizations.list()
        #expect(entries.map(\.organization.name) == ["acme", "initech", "umbrella"])
        #expect(Set(entries.map(\.owner)) == [Installation.alice])
        #expect(faults == [])
    }

    @Test func `a record that cannot be trusted is reported, and not listed`() throws {
        let installation = try Installation()
        try installation.addAcme()
        try installation.redis("HSET", installation.storeKey(), "owner", "bob")
        let (entries, faults) = try installation.administration("root").organizations.list()
        #expect(entries == [])
        #expect(faults.count == 1 && faults[0].contains("\(acme.locator)"))
    }

    @Test func `a transferred key stays valid, and is the new owner's`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let root = try installation.administration("root")
        #expect(try root.organizations.transfer(acme, to: bob))
        #expect(try !root.organizations.transfer(acme, to: bob))
        #expect(try installation.verification(of: key) == .issued(.valid(acme)))
        #expect(
            failure { _ = try installation.administration().keys.status(of: acme) } == .notPermitted
        )
        #expect(try installation.administration("bob").keys.status(of: acme).record.owner == bob)
    }

    @Test func `a removed organization has no key, no owner and its version`() throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        let root = try installation.administration("root")
        let before = try #require(try installation.fields()["version"].flatMap { UInt64($0) })
        guard case .confirmed = try root.organizations.remove(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(try installation.verification(of: key) == .issued(.revoked))
        let fields = try installation.fields()
        #expect(fields["state"] == "removed" && fields["verifier"] == nil)
        #expect(fields["version"] == "\(before + 1)")
        #expect(
            failure { _ = try installation.administration().keys.status(of: acme) } == .notPermitted
        )
        #expect(failure { _ = try root.organizations.transfer(acme, to: bob) } == .data)
        #expect(try root.organizations.list().entries == [])
    }

    @Test func `a removed organization can be added again, for any owner, without its key`() throws
    {
        let installation = try Installation()
        let key = try installation.addAcme()
        let root = try installation.administration("root")
        _ = try root.organizations.remove(acme)
        #expect(try root.organizations.add(acme, owner: bob))
        #expect(try installation.verification(of: key) == .issued(.revoked))
        #expect(try installation.fields()["version"] == "4")
        #expect(try installation.administration("bob").keys.status(of: acme).record.state == .none)
    }

    @Test func `removing again signals again`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let root = try installation.administration("root")
        _ = try root.organizations.remove(acme)
        let before = try installation.fields()
        guard case .confirmed = try root.organizations.remove(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(try installation.fields() == before)
        #expect(failure { _ = try root.organizations.remove(Organization("none")!) } == .data)
    }

    @Test(arguments: [
        ("owner", "mallory"), ("mac", "0"), ("version", "-1"), ("version", "9223372036854775807"),
        ("state", "what"), ("organization", "umbrella"),
    ])
    func `an organization whose record cannot be proven can be removed and added again`(
        field: String,
        value: String
    ) throws {
        let installation = try Installation()
        let key = try installation.addAcme()
        try installation.redis("HSET", installation.storeKey(), field, value)
        let root = try installation.administration("root")
        guard case .confirmed = try root.organizations.remove(acme) else {
            Issue.record("not confirmed")
            return
        }
        #expect(try root.organizations.add(acme, owner: Installation.alice))
        #expect(try installation.administration().keys.status(of: acme).record.state == .none)
        #expect(try installation.verification(of: key) == .issued(.revoked))
        _ = try installation.generate()
    }

    @Test func `only operators list, transfer and remove`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let before = try installation.fields()
        for account in ["alice", "bob"] {
            let other = try installation.administration(account)
            #expect(failure { _ = try other.organizations.list() } == .notPermitted)
            #expect(
                failure { _ = try other.organizations.transfer(acme, to: bob) } == .notPermitted
            )
            #expect(failure { _ = try other.organizations.remove(acme) } == .notPermitted)
        }
        #expect(try installation.fields() == before)
    }

    @Test func `the audit names who did what through which account, and what was refused`() throws {
        let installation = try Installation()
        try installation.addAcme()
        #expect(failure { _ = try installation.administration("bob").keys.status(of: acme) } != nil)
        #expect(
            failure { _ = try installation.administration("bob", as: "alice").keys.revoke(acme) }
                != nil
        )
        #expect(
            failure { _ = try installation.administration("root").keys.generate(for: acme) } != nil
        )
        let root = try installation.administration("root")
        _ = try root.organizations.transfer(acme, to: bob)
        let lines = try installation.administration("bob").organizations.audit(
            of: acme,
            since: .epoch
        )
        func texts(refused: Bool) -> [String] {
            lines.filter { $0.isRefused == refused }.map {
                "\($0.action) \($0.principal) \($0.account)"
            }
        }
        #expect(
            texts(refused: false) == [
                "register root root", "generate alice alice", "transfer root root",
            ]
        )
        #expect(
            texts(refused: true) == ["status bob bob", "revoke alice bob", "generate root root"]
        )
        #expect(lines.first { $0.action == "transfer" }?.newOwner == "bob")
    }

    @Test func `the audit belongs to the owner, and to operators once there is none`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let root = try installation.administration("root")
        #expect(
            failure { _ = try root.organizations.audit(of: acme, since: .epoch) } == .notPermitted
        )
        _ = try root.organizations.remove(acme)
        #expect(
            try root.organizations.audit(of: acme, since: .epoch).contains { $0.action == "remove" }
        )
        let alice = try installation.administration()
        #expect(
            failure { _ = try alice.organizations.audit(of: acme, since: .epoch) } == .notPermitted
        )
    }

    @Test func `refusals do not crowd changes out of the audit`() throws {
        let installation = try Installation()
        try installation.addAcme()
        let stranger = try installation.administration("bob")
        for _ in 0..<1500 { _ = try? stranger.keys.status(of: acme) }
        let lines = try installation.administration().organizations.audit(of: acme, since: .epoch)
        #expect(lines.filter { !$0.isRefused }.map(\.action) == ["register", "generate"])
        #expect(lines.filter(\.isRefused).count == 1000)
    }

    @Test(arguments: ["alice", String(repeating: "a", count: Principal.lengthMax)])
    func `the audit of an organization with a key takes at most 600 bytes`(owner: String) throws {
        let installation = try Installation()
        let root = try installation.administration("root")
        _ = try root.organizations.add(acme, owner: Principal(owner)!)
        _ = try installation.administration("root", as: owner).keys.generate(for: acme)
        let audit = installation.storeKey("audit")
        #expect(try installation.redis("LLEN", audit) == .integer(2))
        guard case .integer(let size) = try installation.redis("MEMORY", "USAGE", audit) else {
            Issue.record("Redis does not say how large it is")
            return
        }
        #expect(size <= 600)
    }

    @Test func `a mistyped name gets a suggestion, for callers that may know the name`() throws {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let slip = Organization("acmee")!
        func message(_ account: String) throws -> String {
            let administration = try installation.administration(account)
            do throws(AdministrationError) {
                _ = try administration.keys.status(of: slip)
                return ""
            } catch {
                return error.message
            }
        }
        #expect(try message("root").hasSuffix("did you mean acme?"))
        #expect(try message("alice").hasSuffix("did you mean acme?"))
        #expect(try !message("bob").contains("did you mean"))
    }

    @Test func `an owner's mistyped name is answered alike whether the other organization exists`()
        throws
    {
        let installation = try Installation()
        try installation.addAcme(withKey: false)
        let other = Organization("acmes")!
        func message() throws -> String {
            let alice = try installation.administration()
            do throws(AdministrationError) {
                _ = try alice.keys.status(of: other)
                return ""
            } catch {
                return error.message
            }
        }
        let absent = try message()
        _ = try installation.administration("root").organizations.add(other, owner: bob)
        #expect(try message() == absent)
    }
}

extension UnixTime {
    fileprivate static let epoch = UnixTime(milliseconds: 0)
}
