import KeyFormat
import Keyring
import RedisClient

@testable import Administration

/// A simulated store with alice's organization acme, its key, and nginx workers.
struct SimulatedInstallation {
    static let members = "latchkey:gateways"

    let clock: SimulatedClock
    let store: SimulatedStore
    let administration: AdministrationContext

    init(_ directives: [Directive] = []) throws {
        let clock = SimulatedClock()
        let store = SimulatedStore(clock)
        let peppers = try PepperRing(contents: PepperRing.makeContents())
        var number: UInt64 = 0
        func who(_ account: String) throws -> AdministrationContext {
            AdministrationContext(
                try Configuration(directives),
                caller: Caller(account: Principal(account)!, as: nil, operators: ["root"]),
                peppers: peppers,
                channel: store,
                clock: clock,
                makeBarrierID: { _ in
                    number += 1
                    return BarrierID(String(repeating: "\(number % 10)", count: 32).utf8)!
                }
            )
        }
        let root = try who("root")
        _ = try root.organizations.add(Installation.acme, owner: Installation.alice)
        (self.clock, self.store, administration) = (clock, store, try who("alice"))
        _ = try administration.keys.generate(for: Installation.acme)
        store.publications = []
    }

    /// Adds a worker to the membership.
    @discardableResult
    func worker(
        _ number: UInt64,
        lease: UInt64 = 1000,
        grace: UInt64 = 0,
        cached: UInt64 = 0
    ) -> Member {
        let member = Member(
            id: Member.ID(number),
            host: "web-\(number)",
            processID: 4710 + number,
            version: "0.2.0",
            leaseMilliseconds: lease,
            graceMilliseconds: grace,
            heartbeatAt: UnixTime(milliseconds: 1_790_000_000_000),
            recordsCached: cached
        )
        let words = MembershipCommands.join(member).arguments.map {
            String(decoding: $0, as: UTF8.self)
        }
        store.write(Self.members, words[2], words[3])
        return member
    }

    /// Whether a worker is a member.
    func isMember(_ worker: Member) -> Bool {
        store.hashes[Self.members]?[worker.id.description] != nil
    }

    /// The Redis key of acme's record.
    var record: String { "latchkey:record:{\(Installation.acme.locator)}" }

    /// The first whole millisecond from which a change that is confirmed now is said to hold.
    var heldSince: UnixTime { clock.unix.advanced(byMilliseconds: 1) }

    func revoke(_ policy: ConfirmationPolicy = .untilConfirmed) throws -> ConfirmationResult? {
        try administration.keys.revoke(Installation.acme, policy: policy)
    }

    /// The workers that a confirmed change waited out; `nil` for an unconfirmed one.
    func expired(_ confirmation: ConfirmationResult?) -> [Member]? {
        if case .confirmed(_, let outcome) = confirmation { outcome.expired } else { nil }
    }

    /// The outcome of a change that workers left unconfirmed; `nil` for any other.
    func unacknowledged(_ confirmation: ConfirmationResult?) -> BarrierOutcome? {
        if case .unconfirmed(.unacknowledged(let outcome)) = confirmation { outcome } else { nil }
    }
}
