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

    private func status() throws { _ = try installation.administration.keys.status(of: acme) }

    private let reading = ["HMGET", "ZSCORE", "ZSCORE", "ZSCORE"]

    @Test func `workers flush last uses before the store is read`() throws {
        let names = [1, 2].map { installation.worker($0).id.description }
        installation.store.onPublication = { _ in names }
        #expect(
            try calls { try status() } == [["HMGET"], ["PUBLISH"], ["BLPOP", "LPOP"], reading]
        )
        #expect(installation.store.publications.map { $0.hasSuffix(":\(acme.locator)") } == [true])
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test func `without subscribers nothing is waited for`() throws {
        #expect(try calls { try status() } == [["HMGET"], ["PUBLISH"], reading])
        #expect(installation.clock.elapsedMilliseconds == 0)
    }

    @Test func `a silent worker is not waited for long`() throws {
        installation.store.onPublication = { _ in [installation.worker(1).id.description] }
        installation.store.subscriberCount = 2
        #expect(try calls { try status() }.last == reading)
        #expect(installation.clock.elapsedMilliseconds == LastUseCollector.waitMilliseconds)
    }

    @Test(arguments: ["PUBLISH", "BLPOP"])
    func `the status is shown even if the store refuses to publish`(command: String)
        throws
    {
        installation.store.subscriberCount = 1
        installation.store.refused = [command]
        #expect(try calls { try status() }.last == reading)
    }

    @Test func `a store that is lost meanwhile is reported as lost`() {
        installation.store.subscriberCount = 1
        installation.store.onCommand = { if $0 == "BLPOP" { installation.store.isDown = true } }
        #expect(failure { try status() } == .store)
    }

    @Test func `a caller that may not see the status causes no flush`() {
        let other = installation.administration.acting(as: Principal("bob")!)
        #expect(failure { _ = try other.keys.status(of: acme) } == .notPermitted)
        #expect(installation.store.publications.isEmpty)
    }

    @Test func `a status without collection causes no flush`() throws {
        _ = try installation.administration.keys.status(of: acme, for: .revoke, collectsUses: false)
        #expect(installation.store.publications.isEmpty)
    }
}
