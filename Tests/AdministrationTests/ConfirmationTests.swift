import Keyring
import RedisClient
import Testing

@testable import Administration

/// Changes that stand-in workers acknowledge, through a real Redis.
struct ConfirmationTests {
    private let acme = Installation.acme
    private let installation: Installation

    init() throws {
        installation = try Installation()
        try installation.handOver()
        try installation.addAcme()
    }

    private func expectConfirmed(
        _ confirmation: ConfirmationResult?,
        waitedOut: [Member] = []
    ) {
        guard case .confirmed(_, let outcome) = confirmation else {
            Issue.record("not confirmed: \(String(describing: confirmation))")
            return
        }
        #expect(outcome == BarrierOutcome(expired: waitedOut))
    }

    private func isMember(_ member: Member) throws -> Bool {
        try installation.redis("HEXISTS", "latchkey:{gateways}", member.id.description)
            == .integer(1)
    }

    @Test func `a change that all workers acknowledge is confirmed, and they stay members`() throws
    {
        let workers = try (1...8).map {
            try StandInWorker(installation.redis, $0, lease: 3_600_000)
        }
        expectConfirmed(try installation.administration().keys.revoke(acme))
        expectConfirmed(try installation.administration().keys.generate(for: acme).confirmation)
        for worker in workers { #expect(try isMember(worker.member)) }
    }

    @Test func `an acknowledgement of the second signal is enough`() throws {
        _ = try StandInWorker(installation.redis, 1, lease: 3_600_000, missing: 1)
        expectConfirmed(try installation.administration().keys.revoke(acme))
    }

    @Test func `a silent worker is waited out and moved`() throws {
        _ = try StandInWorker(installation.redis, 1, lease: 3_600_000)
        let silent = StandInWorker.member(2, lease: 50)
        try StandInWorker.join(silent, installation.redis)
        expectConfirmed(try installation.administration().keys.revoke(acme), waitedOut: [silent])
        #expect(try !isMember(silent))
    }

    @Test func `an unreadable member leaves a change unconfirmed`() throws {
        try installation.redis("HSET", "latchkey:{gateways}", "who", "knows")
        let key = try installation.administration().keys.generate(for: acme)
        #expect(
            key.confirmation == .unconfirmed(.unacknowledged(BarrierOutcome(unreadable: ["who"])))
        )
        #expect(try installation.verification(of: key.text.string) == .issued(.valid(acme)))
    }

    @Test func `a membership of the wrong type leaves a change unconfirmed`() throws {
        try installation.redis("SET", "latchkey:{gateways}", "text")
        guard
            case .unconfirmed(.membershipUnknown(let reason)) = try installation.administration()
                .keys.revoke(
                    acme
                )
        else {
            Issue.record("another end")
            return
        }
        #expect(reason.contains("WRONGTYPE"))
    }

    @Test func `a connection that is cut during the wait is replaced`() throws {
        let worker = try StandInWorker(installation.redis, 1, lease: 3_600_000, missing: 2)
        var cuts = 0
        let waiting = ConfirmationPolicy.whileTrue { _ in
            cuts += 1
            if cuts == 2 {
                #expect(throws: Never.self) {
                    try installation.redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                }
            }
            return true
        }
        expectConfirmed(try installation.administration().keys.revoke(acme, policy: waiting))
        #expect(try isMember(worker.member))
    }

    @Test func `listing workers needs no owner and no pepper`() throws {
        let url = "unix:\(installation.redis.socket)"
        let configuration = try Configuration([Directive(name: "latchkey_store", values: [url])])
        #expect(try Membership(of: configuration).members.isEmpty)
        let members = (1...3).map { StandInWorker.member($0) }
        for member in members.reversed() { try StandInWorker.join(member, installation.redis) }
        #expect(try Membership(of: configuration).members == members)
        try installation.redis("ACL", "SETUSER", "default", "-hgetall")
        #expect(failure { _ = try Membership(of: configuration) } == .notPermitted)
    }

    @Test func `refused uses of earlier keys are reported`() throws {
        #expect(try installation.administration().keys.status(of: acme).refusedUses == nil)
        let time = UnixTime(milliseconds: 1_790_000_000_000)
        let uses = RefusedUses(count: 14, lastAt: time)
        _ = try installation.redis.connect().execute(
            RefusalCommands.record(uses, of: acme.locator)
        )
        #expect(try installation.administration().keys.status(of: acme).refusedUses == uses)
    }
}
