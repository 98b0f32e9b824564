import Keyring
import RedisClient
import Testing

@testable import Administration

/// The flush of last uses before a status.
struct LastUseCollectorTests {
    private let acme = Installation.acme
    private let installation: SimulatedInstallation

    init() throws {
        installation = try SimulatedInstallation()
    }

    /// The commands that a status sends to the store.
    private func calls(_ body: () throws -> Void) rethrows -> [[String]] {
        let before = installation.store.calls.count
        try body()
        return Array(installation.store.calls.dropFirst(before))
    }

    private func delay() throws -> KeyStatus.LastUseDelay {
        try installation.administration.keys.status(of: acme).lastUseDelay
    }

    private func status() throws { _ = try installation.administration.keys.status(of: acme) }

    private let counting = ["MULTI", "SET", "INCR", "EXEC"]
    private let asking = ["SET", "DEL", "HGETALL"]
    private let reading = ["HMGET", "ZSCORE", "ZSCORE", "ZSCORE"]

    @Test func `workers flush last uses before the store is read`() throws {
        let names = [1, 2].map { installation.worker($0).id.description }
        installation.store.onSignal = { _ in names }
        #expect(
            try calls { try status() } == [
                ["HMGET"], counting, asking, ["BLPOP", "LPOP"], reading,
            ]
        )
        let name = try #require(installation.store.signals.first)
        #expect(installation.store.signals.count == 1)
        #expect(name.hasPrefix("\(installation.record):?"))
        #expect(installation.clock.elapsedMilliseconds == 0)
        #expect(try delay() == .none)
    }

    @Test func `without workers nothing is waited for`() throws {
        #expect(try calls { try status() } == [["HMGET"], counting, asking, reading])
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test func `a silent worker is not waited for long`() throws {
        let name = installation.worker(1).id.description
        installation.worker(2)
        installation.store.onSignal = { _ in [name] }
        #expect(try delay() == .unknown)
        #expect(installation.clock.elapsedMilliseconds == FleetInquiry.waitMilliseconds)
    }

    @Test(arguments: [true, false])
    func `a suspect is asked, too`(acknowledges: Bool) throws {
        let suspect = installation.worker(1, grace: 3_600_000)
        _ = try installation.revoke()
        #expect(installation.membership?.suspects.map(\.member) == [suspect])
        if acknowledges { installation.store.onSignal = { _ in [suspect.id.description] } }
        #expect(try delay() == (acknowledges ? .none : .unknown))
    }

    @Test func `a worker whose entry cannot be read may know a later use`() throws {
        let name = installation.worker(1).id.description
        installation.store.onSignal = { _ in [name] }
        installation.store.write(SimulatedInstallation.members, "0123456789abcdef", "?")
        #expect(try delay() == .unknown)
    }

    @Test func `of many flushes at a time a store sends few`() throws {
        for number in 1...12 {
            try status()
            #expect(installation.store.signals.count == min(number, 10))
        }
        #expect(try delay() == .milliseconds(4000))
        installation.clock.advance(byMilliseconds: 500)
        #expect(try delay() == .none)
        #expect(installation.store.signals.count == 11)
    }

    @Test(arguments: ["MULTI", "SET", "INCR", "EXEC"])
    func `a store that does not count sends no flush, and the status is shown all the same`(
        command: String
    ) throws {
        installation.worker(1)
        installation.store.refused = [command]
        #expect(try calls { try status() } == [["HMGET"], counting, reading])
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test(arguments: ["DEL", "HGETALL", "BLPOP"])
    func `the status is shown even if the store refuses to ask`(command: String) throws {
        installation.worker(1)
        installation.store.refused = [command]
        #expect(try calls { try status() }.last == reading)
        #expect(try delay() == (command == "BLPOP" ? .unknown : .milliseconds(4000)))
    }

    @Test func `a store that is lost meanwhile is reported as lost`() {
        installation.worker(1)
        installation.store.onCommand = { if $0 == "BLPOP" { installation.store.isDown = true } }
        #expect(failure { try status() } == .store)
    }

    @Test func `a caller that may not see the status causes no flush`() {
        let other = installation.administration.acting(as: Principal("bob")!)
        #expect(failure { _ = try other.keys.status(of: acme) } == .notPermitted)
        #expect(installation.store.signals.isEmpty)
    }

    @Test func `a status without collection causes no flush`() throws {
        _ = try installation.administration.keys.status(of: acme, for: .revoke, collectsUses: false)
        #expect(installation.store.signals.isEmpty)
    }
}
