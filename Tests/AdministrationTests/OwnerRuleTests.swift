import Keyring
import Testing

@testable import Administration

@Suite struct `The owner rule` {
    static let organization = Organization("acme")!
    static let alice = Principal("alice")!

    /// Every caller: an account, and the principal it names with `--as`. root and ops are operators,
    /// portal is a delegate.
    enum Who: String, CaseIterable {
        case owner = "alice"
        case member = "bob"
        case root = "root"
        case other = "ops"
        case rootAsOwner = "root as alice"
        case operatorAsOwner = "ops as alice"
        case operatorAsMember = "ops as bob"
        case operatorAsRoot = "ops as root"
        case memberAsOwner = "bob as alice"
        case memberAsRoot = "bob as root"
        case ownerAsOwner = "alice as alice"
        case ownerAsOperator = "alice as root"
        case delegate = "portal"
        case delegateAsOwner = "portal as alice"
        case delegateAsMember = "portal as bob"
        case delegateAsRoot = "portal as root"
        case delegateAsOperator = "portal as ops"

        var caller: Caller {
            let words = rawValue.split(separator: " ").map(String.init)
            return Caller(
                account: Principal(words[0])!,
                as: words.count > 1 ? Principal(words[2]) : nil,
                operators: ["root", "ops"],
                delegates: ["portal"]
            )
        }
    }

    static let owners: Set<Who> = [
        .owner, .ownerAsOwner, .rootAsOwner, .operatorAsOwner, .delegateAsOwner,
    ]
    static let operators: Set<Who> = [
        .root, .other, .rootAsOwner, .operatorAsOwner, .operatorAsMember, .operatorAsRoot,
    ]

    /// Who may do what on an organization that alice owns: the whole table.
    static let permitted: [OwnerRule.Action: Set<Who>] = [
        .status: owners,
        .generate: owners,
        .revoke: owners,
        .audit: owners,
        .auditRemovedOrganization: operators,
        .addOrganization: operators,
        .listOrganizations: operators,
        .transferOrganization: operators,
        .removeOrganization: operators,
        .exportRecords: operators,
        .importRecords: operators,
        .sealRecords: operators,
    ]

    static func kind(
        _ action: OwnerRule.Action,
        _ caller: Caller,
        owner: Principal? = alice
    ) -> AdministrationError.Kind? {
        failure { try OwnerRule.check(action, on: organization, owner: owner, by: caller) }
    }

    @Test func `the table is complete`() {
        #expect(Set(Self.permitted.keys) == Set(OwnerRule.Action.allCases))
    }

    @Test(arguments: OwnerRule.Action.allCases, Who.allCases)
    func `each caller may do what the table says, and nothing else`(
        action: OwnerRule.Action,
        who: Who
    ) {
        let isPermitted = Self.permitted[action]?.contains(who) == true
        #expect(Self.kind(action, who.caller) == (isPermitted ? nil : .notPermitted))
    }

    @Test(arguments: [OwnerRule.Action.generate, .revoke, .status, .audit])
    func `to others it makes no difference whether an organization exists`(
        action: OwnerRule.Action
    ) {
        for who in Who.allCases where !Self.operators.contains(who) && !Self.owners.contains(who) {
            let there = #expect(throws: AdministrationError.self) {
                try OwnerRule.check(
                    action,
                    on: Self.organization,
                    owner: Self.alice,
                    by: who.caller
                )
            }
            let absent = #expect(throws: AdministrationError.self) {
                try OwnerRule.check(action, on: Self.organization, owner: nil, by: who.caller)
            }
            #expect(there == absent)
        }
        #expect(Self.kind(action, Who.other.caller, owner: nil) == .data)
    }

    @Test func `root is an operator by its uid, whatever its name`() {
        let toor = Caller(account: Principal("toor")!, isRoot: true, as: nil, operators: [])
        #expect(Self.kind(.addOrganization, toor) == nil)
        #expect(Self.kind(.status, toor) == .notPermitted)
        #expect(Self.kind(.status, toor.acting(as: Self.alice)) == nil)
    }

    @Test func `a delegate of its own organization is an owner like any other`() {
        let portal = Who.delegate.caller
        #expect(Self.kind(.generate, portal, owner: portal.principal) == nil)
        #expect(Self.kind(.addOrganization, portal, owner: portal.principal) == .notPermitted)
    }

    @Test func `a delegate that is an operator, too, is an operator`() {
        let both = Caller(
            account: Principal("ops")!,
            as: nil,
            operators: ["ops"],
            delegates: ["ops"]
        )
        #expect(Self.kind(.addOrganization, both) == nil)
        #expect(Self.kind(.status, both.acting(as: Self.alice)) == nil)
    }

    @Test func `names are compared exactly`() {
        for name in ["Alice", "alice2", "alic"] {
            let caller = Caller(account: Principal(name)!, as: nil, operators: [])
            #expect(Self.kind(.status, caller) == .notPermitted)
        }
        let other = Caller(
            account: Principal("portal")!,
            as: Self.alice,
            operators: [],
            delegates: ["Portal", "portal2", "porta"]
        )
        #expect(Self.kind(.status, other) == .notPermitted)
    }
}
