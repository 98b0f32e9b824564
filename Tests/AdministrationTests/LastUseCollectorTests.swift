import Keyring
import RedisClient
import Testing

@testable import Administration

/// What a status asks the gateways before it tells.
struct LastUseCollectorTests {
    private let acme = Installation.acme
    private let fleet: SimulatedFleet

    init() throws {
        fleet = try SimulatedFleet()
    }

    /// The calls to the store that a status makes.
    private func calls(_ body: () throws -> Void) rethrows -> [[String]] {
        let before = fleet.store.calls.count
        try body()
        return Array(fleet.store.calls.dropFirst(before))
    }

    private func status() throws { _ = try fleet.administration.status(of: acme) }

    private let reading = ["HMGET", "ZSCORE", "ZSCORE", "ZSCORE"]

    @Test func `the gateways are asked before the store is read`() throws {
        let names = [1, 2].map { fleet.worker($0).id.description }
        fleet.store.onPublication = { _ in names }
        #expect(
            try calls { try status() } == [["HMGET"], ["PUBLISH"], ["BLPOP", "LPOP"], reading]
        )
        #expect(fleet.store.publications.map { $0.hasSuffix(":\(acme.locator)") } == [true])
        #expect(fleet.clock.elapsedMilliseconds == 0)
    }

    @Test func `where no gateway listens nobody is waited for`() throws {
        #expect(try calls { try status() } == [["HMGET"], ["PUBLISH"], reading])
        #expect(fleet.clock.elapsedMilliseconds == 0)
    }

    @Test func `a gateway that stays silent is not waited for long`() throws {
        fleet.store.onPublication = { _ in [fleet.worker(1).id.description] }
        fleet.store.listenersCount = 2
        #expect(try calls { try status() }.last == reading)
        #expect(fleet.clock.elapsedMilliseconds == LastUseCollector.waitMilliseconds)
    }

    @Test(arguments: ["PUBLISH", "BLPOP"])
    func `where the store refuses the question, the status is told all the same`(command: String)
        throws
    {
        fleet.store.listenersCount = 1
        fleet.store.refused = [command]
        #expect(try calls { try status() }.last == reading)
    }

    @Test func `a store that is lost meanwhile is told as lost`() {
        fleet.store.listenersCount = 1
        fleet.store.onCommand = { if $0 == "BLPOP" { fleet.store.isDown = true } }
        #expect(failure { try status() } == .store)
    }

    @Test func `who may not see the status asks nobody`() {
        let other = fleet.administration.acting(as: Principal("bob")!)
        #expect(failure { _ = try other.status(of: acme) } == .notPermitted)
        #expect(fleet.store.publications.isEmpty)
    }

    @Test func `who is in a hurry asks nobody`() throws {
        _ = try fleet.administration.status(of: acme, for: .revoke, asksGateways: false)
        #expect(fleet.store.publications.isEmpty)
    }
}
