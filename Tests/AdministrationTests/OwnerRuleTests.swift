import Keyring
import Testing

@testable import Administration

@Suite struct `The owner rule` {
    static let organization = Organization("acme")!
    static let alice = Principal("alice")!
    static let root = Principal("root")!

    static func caller(_ account: String, as name: String? = nil) throws(AdministrationError)
        -> Caller
    {
        try Caller(
            account: Principal(account)!,
            as: name.flatMap { Principal($0) },
            operators: ["root", "ops"]
        )
    }

    /// What a caller gets from an action on an organization that alice owns, or that is not there.
    static func kind(
        _ action: OwnerRule.Action,
        _ caller: Caller,
        isThere: Bool = true
    ) -> AdministrationError.Kind? {
        do throws(AdministrationError) {
            try OwnerRule.check(action, on: organization, owner: isThere ? alice : nil, by: caller)
            return nil
        } catch {
            return error.kind
        }
    }

    @Test(arguments: [OwnerRule.Action.generate, .revoke, .status])
    func `only the owner, or an operator in the owner's name, may see and manage a key`(
        action: OwnerRule.Action
    ) throws {
        #expect(Self.kind(action, try Self.caller("alice")) == nil)
        #expect(Self.kind(action, try Self.caller("root", as: "alice")) == nil)
        #expect(Self.kind(action, try Self.caller("ops", as: "alice")) == nil)
        #expect(Self.kind(action, try Self.caller("root")) == .notPermitted)
        #expect(Self.kind(action, try Self.caller("ops")) == .notPermitted)
        #expect(Self.kind(action, try Self.caller("ops", as: "bob")) == .notPermitted)
        #expect(Self.kind(action, try Self.caller("bob")) == .notPermitted)
    }

    @Test func `only operators add organizations`() throws {
        #expect(Self.kind(.addOrganization, try Self.caller("root")) == nil)
        #expect(Self.kind(.addOrganization, try Self.caller("ops")) == nil)
        #expect(Self.kind(.addOrganization, try Self.caller("alice")) == .notPermitted)
    }

    @Test func `nobody but an operator acts as somebody else`() {
        #expect(throws: AdministrationError.self) { try Self.caller("bob", as: "alice") }
        #expect(throws: Never.self) { try Self.caller("bob", as: "bob") }
    }

    @Test func `to others it makes no difference whether an organization exists`() throws {
        let bob = try Self.caller("bob")
        for action in [OwnerRule.Action.generate, .revoke, .status] {
            let there = #expect(throws: AdministrationError.self) {
                try OwnerRule.check(action, on: Self.organization, owner: Self.alice, by: bob)
            }
            let absent = #expect(throws: AdministrationError.self) {
                try OwnerRule.check(action, on: Self.organization, owner: nil, by: bob)
            }
            #expect(there == absent)
        }
        #expect(Self.kind(.status, try Self.caller("ops"), isThere: false) == .data)
    }
}
