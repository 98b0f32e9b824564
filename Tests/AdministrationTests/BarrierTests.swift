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

    @Test func `once all workers have acknowledged, the wait ends`() throws {
        let workers = (1...4).map { installation.worker($0) }
        installation.store.onSignal = { _ in workers.map(\.id.description) }
        let confirmation = try installation.revoke()
        #expect(confirmation == .confirmed(since: installation.heldSince, BarrierOutcome()))
        #expect(installation.clock.elapsedMilliseconds == 0)
        #expect(installation.store.signals.count == 1)
    }

    @Test func `the signal goes out with the change, and the membership is read behind it`() throws
    {
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        let begin = installation.store.calls.count
        _ = try installation.revoke()
        let calls = installation.store.calls[begin...]
        let change = try #require(calls.firstIndex { $0.contains("EXEC") })
        #expect(calls[change].suffix(5) == ["SET", "DEL", "EXEC", "HGETALL", "INFO"])
        #expect(calls[change...].dropFirst() == [["BLPOP", "LPOP", "HMGET"]])
        let name = try #require(installation.store.signals.first)
        #expect(installation.store.signals.count == 1)
        #expect(name.hasPrefix("\(installation.record):"))
    }

    @Test(arguments: [(1, 1), (4, 4), (100, 16)])
    func `one write waits for the acknowledgements of several workers`(count: Int, waits: Int)
        throws
    {
        let workers = (1...count).map { installation.worker(UInt64($0)) }
        installation.store.onSignal = { _ in workers.map(\.id.description) }
        let begin = installation.store.calls.count
        let confirmation = try installation.revoke()
        #expect(confirmation == .confirmed(since: installation.heldSince, BarrierOutcome()))
        let waiting = installation.store.calls[begin...].filter { $0.contains("BLPOP") }
        #expect(waiting == [[String](repeating: "BLPOP", count: waits) + ["LPOP", "HMGET"]])
    }

    @Test func `workers are confirmed by name`() throws {
        let silent = installation.worker(2)
        let other = installation.worker(1)
        installation.store.onSignal = { _ in
            [other.id.description, other.id.description, "00000000000000ff"]
        }
        #expect(installation.expired(try installation.revoke()) == [silent])
    }

    @Test func `a silent worker is waited out, reported and removed`() throws {
        let (loud, silent) = (installation.worker(1), installation.worker(2))
        installation.store.onSignal = { _ in [loud.id.description] }
        let confirmation = try installation.revoke()
        #expect(
            confirmation
                == .confirmed(since: installation.heldSince, BarrierOutcome(expired: [silent]))
        )
        #expect(installation.clock.elapsedMilliseconds == 1040)
        #expect(installation.isMember(loud))
        #expect(!installation.isMember(silent))
    }

    @Test func `revoking again after an uncertain result signals again`() throws {
        let silent = installation.worker(1, lease: 1000, grace: 60_000)
        let interrupted = ConfirmationPolicy.whileTrue { $0.elapsedMilliseconds < 300 }
        for _ in 1...2 {
            let outcome = installation.unacknowledged(try installation.revoke(interrupted))
            #expect(outcome?.unacknowledged.map(\.member) == [silent])
        }
        installation.store.onSignal = { _ in [silent.id.description] }
        let before = installation.store.signals.count
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.store.signals.count == before + 1)
    }

    @Test func `a moved worker is waited for until its trust has ended, and never again`() throws {
        let dead = installation.worker(1)
        func generate() throws -> [Member]? {
            let key = try installation.administration.keys.generate(for: Installation.acme)
            return installation.expired(key.confirmation)
        }
        #expect(try generate() == [dead])
        #expect(try generate() == [dead])
        #expect(installation.clock.elapsedMilliseconds == 2080)
        #expect(try generate() == [])
        #expect(installation.clock.elapsedMilliseconds == 2080)
    }

    @Test func `each silent worker is waited for according to its own lease and grace`() throws {
        installation.worker(1, lease: 0)
        installation.worker(2, lease: 1000, grace: 9000)
        installation.worker(3, lease: 50)
        #expect(installation.expired(try installation.revoke())?.count == 3)
        #expect(installation.clock.elapsedMilliseconds == 10_220)
    }

    @Test func `a worker that missed the first signal acknowledges the second, with the same ID`()
        throws
    {
        let worker = installation.worker(1, lease: 3_600_000)
        installation.store.onSignal = { $0 < 2 ? [] : [worker.id.description] }
        #expect(installation.expired(try installation.revoke()) == [])
        #expect(installation.store.signals.count == 2)
        #expect(Set(installation.store.signals).count == 1)
        #expect(installation.clock.elapsedMilliseconds <= 100)
    }

    @Test func `each change has its own signal`() throws {
        let worker = installation.worker(1)
        installation.store.onSignal = { _ in [worker.id.description] }
        _ = try installation.revoke()
        _ = try installation.administration.keys.generate(for: Installation.acme)
        #expect(Set(installation.store.signals).count == 2)
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
        #expect(!installation.isMember(long) && !installation.isMember(short))
        #expect(installation.membership?.suspects.map(\.member) == [short, long])
    }

    @Test func `a late acknowledgement from a worker with a long lease is enough`() throws {
        let worker = installation.worker(1, lease: 3_600_000)
        installation.store.onSignal = { _ in
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

    @Test func `without a wait, no membership is read and no signal sent`() throws {
        installation.worker(1)
        let begin = installation.store.calls.count
        #expect(try installation.revoke(.none) == .notAwaited)
        let names = installation.store.calls[begin...].joined()
        #expect(!names.contains("HGETALL") && !names.contains("SET"))
        #expect(names.last == "EXEC")
    }

    @Test func `a caller that ends the wait learns which workers had not acknowledged`() throws {
        let (loud, silent) = (installation.worker(1), installation.worker(2))
        installation.store.onSignal = { _ in [loud.id.description] }
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
                installation.clock.unix.advanced(byMilliseconds: 735)
            ]
        )
        #expect(installation.isMember(silent))
        #expect(waits.first?.pending.count == 2)
        #expect(waits.dropFirst().allSatisfy { $0.pending == [silent] && $0.workers == 2 })
        #expect(waits.last?.remainingMilliseconds == 735)
    }
}
