import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// A simulated store with alice's organization acme, its key, and nginx workers.
struct SimulatedInstallation: AdministeredStore {
    static let members = "latchkey:{gateways}"

    let clock: SimulatedClock
    let store: SimulatedStore
    let administration: AdministrationContext
    private let makeAdministration: (String) throws -> AdministrationContext

    /// - Parameter isHandedOver: Whether the store's term was handed over to the membership list.
    init(_ directives: [Directive] = [], isHandedOver: Bool = true) throws {
        let clock = SimulatedClock()
        let store = SimulatedStore(clock)
        let peppers = try PepperRing(contents: PepperRing.makeContents())
        var generator = SplitMix64(seed: 1)
        func who(_ account: String) throws -> AdministrationContext {
            AdministrationContext(
                try Configuration(directives),
                caller: Caller(account: Principal(account)!, as: nil, operators: ["root"]),
                peppers: peppers,
                channel: store,
                clock: clock,
                makeSignalID: { SignalID(at: $0, using: &generator) }
            )
        }
        let root = try who("root")
        _ = try root.organizations.add(Installation.acme, owner: Installation.alice)
        (self.clock, self.store, administration) = (clock, store, try who("alice"))
        makeAdministration = who
        _ = try administration.keys.generate(for: Installation.acme, policy: .none)
        store.hashes[Self.members] = isHandedOver ? Self.handedOver : nil
        store.signals = []
    }

    func administration(of account: String) throws -> AdministrationContext {
        try makeAdministration(account)
    }

    /// A list to which the store's term was handed over.
    private static let handedOver = [
        "generation": "g1", "checksum": "0", "term:r1:g1": "9999999999999999999:0",
    ]

    /// Registers a worker, in the place of an earlier registration of it.
    @discardableResult
    func worker(
        _ number: UInt64,
        lease: UInt64 = 1000,
        grace: UInt64 = 0,
        registration: UInt64 = 0
    ) -> Member {
        var generator = SplitMix64(seed: number << 8 | registration)
        let member = Member(
            id: Member.ID(number),
            host: "web-\(number)",
            processID: 4710 + number,
            version: "0.2.0",
            leaseMilliseconds: lease,
            graceMilliseconds: grace,
            token: Member.Token(using: &generator)
        )
        let replaced = membership?.members.first { $0.id == member.id }
        store.carryOut(MembershipCommands.join(member, replacing: replaced?.token))
        return member
    }

    /// The membership list; `nil` if there is none.
    var membership: Membership? { try? Membership(store.carryOut([Membership.read])[0]) }

    /// The names of the fields of the list with this prefix.
    func fields(_ prefix: String) -> [String] {
        (store.hashes[Self.members] ?? [:]).keys.filter { $0.hasPrefix(prefix) }.sorted()
    }

    /// Whether a worker is a member.
    func isMember(_ worker: Member) -> Bool {
        store.hashes[Self.members]?[worker.id.description] != nil
    }

    /// The Redis key of acme's record.
    var record: String { "latchkey:record:{\(Installation.acme.locator)}" }

    /// The first whole millisecond from which a change that is confirmed now is said to hold.
    var heldSince: UnixTime { clock.unix.advanced(byMilliseconds: 1) }

    /// The workers that a confirmed change waited out; `nil` for an unconfirmed one.
    func expired(_ confirmation: ConfirmationResult?) -> [Member]? {
        confirmed(confirmation)?.expired
    }

    /// The outcome of a change that workers left unconfirmed; `nil` for any other.
    func unacknowledged(_ confirmation: ConfirmationResult?) -> BarrierOutcome? {
        if case .unconfirmed(.unacknowledged(let outcome)) = confirmation { outcome } else { nil }
    }
}
