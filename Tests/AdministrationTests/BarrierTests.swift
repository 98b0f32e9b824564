import Keyring
import Testing

@testable import Administration

/// The wait for workers, with a simulated clock.
struct BarrierTests {
    private let installation: SimulatedInstallation

    init() throws {
        installation = try SimulatedInstallation()
    }

    @Test func `without workers a change is confirmed at once`() throws {
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test func `an unlisted subscriber is waited for until it acknowledges`() throws {
        installation.store.subscriberCount = 2
        installation.store.onPublication = {
            $0 < 3 ? [] : ["00000000000000a1", "00000000000000a2"]
        }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect((1...200).contains(installation.clock.elapsedMilliseconds))
    }

    @Test func `a silent unlisted subscriber is waited out`() throws {
        let worker = installation.worker(1)
        installation.store.subscriberCount = 2
        installation.store.onPublication = { _ in [worker.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.clock.elapsedMilliseconds == 1040)
    }

    @Test func `an unlisted subscriber may trust its cache for too long to be waited out`()
        throws
    {
        let installation = try SimulatedInstallation([
            Directive(name: "latchkey_outage_grace", values: ["1h"])
        ])
        installation.store.subscriberCount = 1
        guard case .unconfirmed(.membershipUnknown(let reason)) = try installation.revoke() else {
            Issue.record("the change is confirmed")
            return
        }
        #expect(reason == "1 worker received the barrier, 0 acknowledged it")
        #expect(installation.clock.elapsedMilliseconds == 30_000)
    }

    @Test func `nothing is confirmed if subscribers cannot be counted and may trust for too long`()
        throws
    {
        let installation = try SimulatedInstallation([
            Directive(name: "latchkey_outage_grace", values: ["1h"])
        ])
        installation.store.refused = ["PUBLISH"]
        #expect(
            try installation.revoke()
                == .unconfirmed(.membershipUnknown("NOPERM no right to PUBLISH"))
        )
    }

    @Test func `once all workers have acknowledged, the wait ends`() throws {
        let workers = (1...4).map { installation.worker($0) }
        installation.store.onPublication = { _ in workers.map(\.id.description) }
        let confirmation = try installation.revoke()
        #expect(confirmation == .confirmed(since: installation.heldSince, BarrierOutcome()))
        #expect(installation.clock.elapsedMilliseconds == 0)
        #expect(installation.store.publications.count == 1)
    }

    @Test
    func
        `the membership is read after the reply to the change, and the barrier published after that`()
        throws
    {
        let worker = installation.worker(1)
        installation.store.onPublication = { _ in [worker.id.description] }
        let begin = installation.store.calls.count
        _ = try installation.revoke()
        let calls = installation.store.calls[begin...]
        func call(_ name: String) -> Int? { calls.firstIndex { $0.contains(name) } }
        let (change, reading) = (try #require(call("EXEC")), try #require(call("HGETALL")))
        #expect(change < reading)
        #expect(reading < (try #require(call("PUBLISH"))))
        #expect((try #require(calls.lastIndex { $0.contains("HMGET") })) > reading)
    }

    @Test func `a silent worker is waited out, reported and removed`() throws {
        let (loud, silent) = (installation.worker(1), installation.worker(2))
        installation.store.onPublication = { _ in [loud.id.description] }
        let confirmation = try installation.revoke()
        #expect(
            confirmation
                == .confirmed(since: installation.heldSince, BarrierOutcome(expired: [silent]))
        )
        #expect(installation.clock.elapsedMilliseconds == 1040)
        #expect(installation.isMember(loud))
        #expect(!installation.isMember(silent))
    }

    @Test func `a worker that is silent for longer than the wait is removed in the end`()
        throws
    {
        let dead = installation.worker(1, lease: 1000, grace: 3_600_000)
        #expect(
            installation.unacknowledged(try installation.revoke())?.unacknowledged.map(\.member)
                == [dead]
        )
        installation.clock.advance(byMilliseconds: 3_600_000)
        #expect(
            installation.unacknowledged(try installation.revoke())?.unacknowledged.map(\.member)
                == [dead]
        )
        installation.clock.advance(byMilliseconds: 80_000)
        #expect(installation.expired(try installation.revoke()) == [dead])
        #expect(!installation.isMember(dead))
        #expect(installation.store.hashes["latchkey:gateways:silent"]?.isEmpty ?? true)
    }

    @Test func `a suspect worker that renews its membership is waited for again`() throws {
        installation.worker(1, lease: 1000, grace: 3_600_000)
        _ = try installation.revoke()
        installation.clock.advance(byMilliseconds: 3_700_000)
        let alive = installation.worker(1, lease: 1000, grace: 3_600_000, cached: 1)
        #expect(
            installation.unacknowledged(try installation.revoke())?.unacknowledged.map(\.member)
                == [alive]
        )
        #expect(installation.isMember(alive))
    }

    @Test func `revoking again after an uncertain result publishes another barrier`() throws {
        let silent = installation.worker(1, lease: 1000, grace: 60_000)
        #expect(
            installation.unacknowledged(try installation.revoke())?.unacknowledged.map(\.member)
                == [silent]
        )
        #expect(
            installation.unacknowledged(try installation.revoke())?.unacknowledged.map(\.member)
                == [silent]
        )
        installation.store.onPublication = { _ in [silent.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
    }

    @Test func `the next change does not wait for a removed worker`() throws {
        installation.worker(1)
        _ = try installation.revoke()
        let elapsed = installation.clock.elapsedMilliseconds
        let key = try installation.administration.keys.generate(for: Installation.acme)
        #expect(installation.expired(key.confirmation) == [])
        #expect(installation.clock.elapsedMilliseconds == elapsed)
    }

    @Test func `each silent worker is waited for according to its own lease and grace`() throws {
        installation.worker(1, lease: 0)
        installation.worker(2, lease: 1000, grace: 9000)
        installation.worker(3, lease: 50)
        #expect(installation.expired(try installation.revoke())?.count == 3)
        #expect(installation.clock.elapsedMilliseconds == 10_220)
    }

    @Test func `a member that renewed meanwhile stays`() throws {
        let silent = installation.worker(1)
        installation.clock.at(500) { installation.worker(1, cached: 7) }
        #expect(installation.expired(try installation.revoke()) == [silent])
        #expect(installation.isMember(silent))
    }

    @Test func `a worker that missed the first message acknowledges the second, with the same ID`()
        throws
    {
        let worker = installation.worker(1, lease: 3_600_000)
        installation.store.onPublication = { $0 < 2 ? [] : [worker.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.store.publications.count == 2)
        #expect(Set(installation.store.publications).count == 1)
        #expect(installation.clock.elapsedMilliseconds <= 100)
    }

    @Test func `each change has its own barrier`() throws {
        let worker = installation.worker(1)
        installation.store.onPublication = { _ in [worker.id.description] }
        _ = try installation.revoke()
        _ = try installation.administration.keys.generate(for: Installation.acme)
        #expect(Set(installation.store.publications).count == 2)
    }

    @Test(arguments: [30_000, 86_400_000, 9_223_372_036_854_775_807])
    func `a silent worker whose lease outlasts the wait is reported with its time`(lease: UInt64)
        throws
    {
        let (short, long) = (
            installation.worker(1), installation.worker(2, lease: lease, grace: lease)
        )
        let outcome = try #require(installation.unacknowledged(try installation.revoke()))
        #expect(installation.clock.elapsedMilliseconds == 30_000)
        #expect(outcome.expired == [short])
        #expect(outcome.unacknowledged.map(\.member) == [long])
        let until = try #require(outcome.unacknowledged.first?.until)
        let (span, overflow) = (2 * (lease / 2 + 1)).multipliedReportingOverflow(by: 2)
        let end = UnixTime(milliseconds: 1_790_000_000_000)
            .advanced(byMilliseconds: overflow ? .max : span)
        #expect(end <= until)
        #expect(installation.isMember(long))
        #expect(!installation.isMember(short))
    }

    @Test func `a late acknowledgement from a worker with a long lease is enough`() throws {
        let worker = installation.worker(1, lease: 3_600_000)
        installation.store.onPublication = { _ in
            installation.clock.elapsedMilliseconds < 20_000 ? [] : [worker.id.description]
        }
        #expect(installation.expired(try installation.revoke()) == [])
    }

    @Test func `an unreadable member is reported, and the others are waited for`() throws {
        installation.worker(1)
        installation.store.write(SimulatedInstallation.members, "who", "lease=forever")
        let outcome = try #require(installation.unacknowledged(try installation.revoke()))
        #expect(outcome.unreadable == ["who"])
        #expect(outcome.expired.count == 1)
        #expect(outcome.unacknowledged.isEmpty)
    }

    @Test func `without a wait, no membership is read and nothing published`() throws {
        installation.worker(1)
        let begin = installation.store.calls.count
        #expect(try installation.revoke(.none) == .notAwaited)
        let names = installation.store.calls[begin...].joined()
        #expect(!names.contains("HGETALL") && !names.contains("PUBLISH"))
        #expect(names.last == "EXEC")
    }

    @Test func `a caller that ends the wait learns which workers had not acknowledged`() throws {
        let (loud, silent) = (installation.worker(1), installation.worker(2))
        installation.store.onPublication = { _ in [loud.id.description] }
        var waits: [BarrierProgress] = []
        let confirmation = try installation.revoke(
            .whileTrue {
                waits.append($0)
                return $0.elapsedMilliseconds < 300
            }
        )
        let outcome = try #require(installation.unacknowledged(confirmation))
        #expect(outcome.isInterrupted)
        #expect(outcome.unacknowledged.map(\.member) == [silent])
        #expect(
            outcome.unacknowledged.map(\.until) == [
                installation.clock.unix.advanced(byMilliseconds: 740)
            ]
        )
        #expect(installation.isMember(silent))
        #expect(waits.first?.pending.count == 2)
        #expect(waits.dropFirst().allSatisfy { $0.pending == [silent] && $0.workers == 2 })
        #expect(waits.last?.remainingMilliseconds == 740)
    }
}
