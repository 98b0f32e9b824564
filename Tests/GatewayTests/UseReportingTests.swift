import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// When a worker tells the store how keys were used.
struct UseReportingTests {
    private func cachedDecision(_ driver: GateDriver, _ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    @Test func `uses of former keys are counted and sent within a second`() throws {
        let driver = try GateDriver.leased()
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        for _ in 0..<14 { #expect(driver.result(old) == .revoked) }
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        let acme = "\(Organization("acme")!.locator)"
        #expect(driver.store.counts[acme] == 14)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts[acme] == 14)
    }

    @Test func `a forged key is not counted as a refused use`() throws {
        let driver = try GateDriver.leased()
        let other = try GateDriver(pepper: String(repeating: "0b", count: 32))
        #expect(driver.result(other.generate("acme")) == .forged)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts.isEmpty)
    }

    @Test func `uses of cached keys are sent within a second`() throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.beat(times: 4)
        driver.advance(milliseconds: 10)
        #expect(cachedDecision(driver, key)?.source == .cache)
        let last = driver.now.unix.milliseconds
        #expect(driver.gatekeeper.unconfirmedCount > 0)
        driver.beat(times: 4)
        #expect(driver.store.lastUses["\(Organization("acme")!.locator)"] == "\(last)")
    }
}
