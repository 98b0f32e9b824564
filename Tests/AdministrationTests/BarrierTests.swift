import Keyring
import Testing

@testable import Administration

/// The wait for the gateways, by a simulated clock.
struct BarrierTests {
    private let fleet: SimulatedFleet

    init() throws {
        fleet = try SimulatedFleet()
    }

    @Test func `where no gateway runs a change is confirmed at once`() throws {
        #expect(fleet.expired(try fleet.revoke()) == [])
        #expect(fleet.clock.elapsedMilliseconds == 0)
    }

    @Test func `who listens without being listed is waited for until it confirms`() throws {
        fleet.store.listenersCount = 2
        fleet.store.onPublication = { $0 < 3 ? [] : ["00000000000000a1", "00000000000000a2"] }
        #expect(fleet.expired(try fleet.revoke()) == [])
        #expect((1...200).contains(fleet.clock.elapsedMilliseconds))
    }

    @Test func `who listens without being listed is waited out where it stays silent`() throws {
        let worker = fleet.worker(1)
        fleet.store.listenersCount = 2
        fleet.store.onPublication = { _ in [worker.id.description] }
        #expect(fleet.expired(try fleet.revoke()) == [])
        #expect(fleet.clock.elapsedMilliseconds == 1040)
    }

    @Test func `who listens without being listed may trust for too long to be waited out`()
        throws
    {
        let fleet = try SimulatedFleet([Directive(name: "latchkey_outage_grace", values: ["1h"])])
        fleet.store.listenersCount = 1
        guard case .unconfirmed(.fleetUnknown(let reason)) = try fleet.revoke() else {
            Issue.record("it is said to be confirmed")
            return
        }
        #expect(reason == "1 worker received the barrier, 0 acknowledged it")
        #expect(fleet.clock.elapsedMilliseconds == 30_000)
    }

    @Test func `where listeners cannot be counted and may trust for too long nothing is confirmed`()
        throws
    {
        let fleet = try SimulatedFleet([Directive(name: "latchkey_outage_grace", values: ["1h"])])
        fleet.store.refused = ["PUBLISH"]
        #expect(
            try fleet.revoke() == .unconfirmed(.fleetUnknown("NOPERM no right to PUBLISH"))
        )
    }

    @Test func `when all have confirmed nobody is waited for`() throws {
        let workers = (1...4).map { fleet.worker($0) }
        fleet.store.onPublication = { _ in workers.map(\.id.description) }
        let confirmation = try fleet.revoke()
        #expect(confirmation == .confirmed(since: fleet.heldSince, BarrierOutcome()))
        #expect(fleet.clock.elapsedMilliseconds == 0)
        #expect(fleet.store.publications.count == 1)
    }

    @Test func `the workers are read after the reply to the change, and told after that`() throws {
        let worker = fleet.worker(1)
        fleet.store.onPublication = { _ in [worker.id.description] }
        let begin = fleet.store.calls.count
        _ = try fleet.revoke()
        let calls = fleet.store.calls[begin...]
        func call(_ name: String) -> Int? { calls.firstIndex { $0.contains(name) } }
        let (change, reading) = (try #require(call("EXEC")), try #require(call("HGETALL")))
        #expect(change < reading)
        #expect(reading < (try #require(call("PUBLISH"))))
        #expect((try #require(calls.lastIndex { $0.contains("HMGET") })) > reading)
    }

    @Test func `a silent worker is waited out, told and taken out`() throws {
        let (loud, silent) = (fleet.worker(1), fleet.worker(2))
        fleet.store.onPublication = { _ in [loud.id.description] }
        let confirmation = try fleet.revoke()
        #expect(
            confirmation == .confirmed(since: fleet.heldSince, BarrierOutcome(expired: [silent]))
        )
        #expect(fleet.clock.elapsedMilliseconds == 1040)
        #expect(fleet.isRegistered(loud))
        #expect(!fleet.isRegistered(silent))
    }

    @Test func `a worker that is silent for longer than anybody waits is taken out in the end`()
        throws
    {
        let dead = fleet.worker(1, lease: 1000, grace: 3_600_000)
        #expect(fleet.doubt(try fleet.revoke())?.doubtful.map(\.entry) == [dead])
        fleet.clock.advance(byMilliseconds: 3_600_000)
        #expect(fleet.doubt(try fleet.revoke())?.doubtful.map(\.entry) == [dead])
        fleet.clock.advance(byMilliseconds: 80_000)
        #expect(fleet.expired(try fleet.revoke()) == [dead])
        #expect(!fleet.isRegistered(dead))
        #expect(fleet.store.hashes["latchkey:gateways:silent"]?.isEmpty ?? true)
    }

    @Test func `a worker that was silent and has been heard of since is waited for anew`() throws {
        fleet.worker(1, lease: 1000, grace: 3_600_000)
        _ = try fleet.revoke()
        fleet.clock.advance(byMilliseconds: 3_700_000)
        let alive = fleet.worker(1, lease: 1000, grace: 3_600_000, cached: 1)
        #expect(fleet.doubt(try fleet.revoke())?.doubtful.map(\.entry) == [alive])
        #expect(fleet.isRegistered(alive))
    }

    @Test func `revoking again what was not confirmed asks the gateways again`() throws {
        let silent = fleet.worker(1, lease: 1000, grace: 60_000)
        #expect(fleet.doubt(try fleet.revoke())?.doubtful.map(\.entry) == [silent])
        #expect(fleet.doubt(try fleet.revoke())?.doubtful.map(\.entry) == [silent])
        fleet.store.onPublication = { _ in [silent.id.description] }
        #expect(fleet.expired(try fleet.revoke()) == [])
    }

    @Test func `the next change does not wait for a worker that was taken out`() throws {
        fleet.worker(1)
        _ = try fleet.revoke()
        let elapsed = fleet.clock.elapsedMilliseconds
        let key = try fleet.administration.generate(for: Installation.acme)
        #expect(fleet.expired(key.confirmation) == [])
        #expect(fleet.clock.elapsedMilliseconds == elapsed)
    }

    @Test func `each silent worker is given its own lease and grace`() throws {
        fleet.worker(1, lease: 0)
        fleet.worker(2, lease: 1000, grace: 9000)
        fleet.worker(3, lease: 50)
        #expect(fleet.expired(try fleet.revoke())?.count == 3)
        #expect(fleet.clock.elapsedMilliseconds == 10_220)
    }

    @Test func `an entry that was written meanwhile stays`() throws {
        let silent = fleet.worker(1)
        fleet.clock.at(500) { fleet.worker(1, cached: 7) }
        #expect(fleet.expired(try fleet.revoke()) == [silent])
        #expect(fleet.isRegistered(silent))
    }

    @Test func `a worker that missed the first word confirms the second, which is the same`()
        throws
    {
        let worker = fleet.worker(1, lease: 3_600_000)
        fleet.store.onPublication = { $0 < 2 ? [] : [worker.id.description] }
        #expect(fleet.expired(try fleet.revoke()) == [])
        #expect(fleet.store.publications.count == 2)
        #expect(Set(fleet.store.publications).count == 1)
        #expect(fleet.clock.elapsedMilliseconds <= 100)
    }

    @Test func `each change has a word of its own`() throws {
        let worker = fleet.worker(1)
        fleet.store.onPublication = { _ in [worker.id.description] }
        _ = try fleet.revoke()
        _ = try fleet.administration.generate(for: Installation.acme)
        #expect(Set(fleet.store.publications).count == 2)
    }

    @Test(arguments: [30_000, 86_400_000, 9_223_372_036_854_775_807])
    func `a silent worker with a longer lease than the wait is told with its time`(lease: UInt64)
        throws
    {
        let (short, long) = (fleet.worker(1), fleet.worker(2, lease: lease, grace: lease))
        let answer = try #require(fleet.doubt(try fleet.revoke()))
        #expect(fleet.clock.elapsedMilliseconds == 30_000)
        #expect(answer.expired == [short])
        #expect(answer.doubtful.map(\.entry) == [long])
        let until = try #require(answer.doubtful.first?.until)
        let (span, overflow) = (2 * (lease / 2 + 1)).multipliedReportingOverflow(by: 2)
        let end = UnixTime(milliseconds: 1_790_000_000_000)
            .advanced(byMilliseconds: overflow ? .max : span)
        #expect(end <= until)
        #expect(fleet.isRegistered(long))
        #expect(!fleet.isRegistered(short))
    }

    @Test func `a worker with a long lease that confirms late is enough`() throws {
        let worker = fleet.worker(1, lease: 3_600_000)
        fleet.store.onPublication = { _ in
            fleet.clock.elapsedMilliseconds < 20_000 ? [] : [worker.id.description]
        }
        #expect(fleet.expired(try fleet.revoke()) == [])
    }

    @Test func `an entry that cannot be read is told, and the others are waited for`() throws {
        fleet.worker(1)
        fleet.store.write(SimulatedFleet.registry, "who", "lease=forever")
        let answer = try #require(fleet.doubt(try fleet.revoke()))
        #expect(answer.unreadable == ["who"])
        #expect(answer.expired.count == 1)
        #expect(answer.doubtful.isEmpty)
    }

    @Test func `who does not wait reads no workers and tells nobody`() throws {
        fleet.worker(1)
        let begin = fleet.store.calls.count
        #expect(try fleet.revoke(.none) == .notAwaited)
        let names = fleet.store.calls[begin...].joined()
        #expect(!names.contains("HGETALL") && !names.contains("PUBLISH"))
        #expect(names.last == "EXEC")
    }

    @Test func `who ends the wait is told who had not confirmed`() throws {
        let (loud, silent) = (fleet.worker(1), fleet.worker(2))
        fleet.store.onPublication = { _ in [loud.id.description] }
        var waits: [BarrierProgress] = []
        let confirmation = try fleet.revoke(
            .whileTrue {
                waits.append($0)
                return $0.elapsedMilliseconds < 300
            }
        )
        let answer = try #require(fleet.doubt(confirmation))
        #expect(answer.isInterrupted)
        #expect(answer.doubtful.map(\.entry) == [silent])
        #expect(answer.doubtful.map(\.until) == [fleet.clock.unix.advanced(byMilliseconds: 740)])
        #expect(fleet.isRegistered(silent))
        #expect(waits.first?.pending.count == 2)
        #expect(waits.dropFirst().allSatisfy { $0.pending == [silent] && $0.workers == 2 })
        #expect(waits.last?.remainingMilliseconds == 740)
    }
}
