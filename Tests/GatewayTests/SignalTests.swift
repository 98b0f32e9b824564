import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How a worker acknowledges signals.
struct SignalTests {
    private func cachedDecision(_ driver: GateDriver, _ key: [UInt8]) -> Decision? {
        let check = driver.check(key, request: 1)
        driver.gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }

    @Test func `a barrier is acknowledged under the worker's ID`() throws {
        let driver = try GateDriver.leased()
        let barrier = driver.signal(.barrier)
        driver.sendSignal(barrier)
        #expect(driver.turn().commands == GateDriver.acknowledgement(of: barrier))
    }

    @Test func `a barrier ends what is cached of its organization, before it is acknowledged`()
        throws
    {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        let other = driver.generate("umbrella")
        #expect(driver.result(key) == .allowed)
        #expect(driver.result(other) == .allowed)
        driver.sendSignal(driver.signal(.barrier))
        #expect(cachedDecision(driver, key) == nil)
        #expect(cachedDecision(driver, other)?.source == .cache)
    }

    @Test(arguments: [["acme"], ["umbrella", "acme"], ["acme", "umbrella"]])
    func `the records of a message are dropped before its signal is acknowledged, in any order`(
        records: [String]
    ) throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        let before = driver.gatekeeper.readMetrics().invalidations
        driver.sendSignal(driver.signal(.barrier, records[0]), with: records)
        #expect(cachedDecision(driver, key) == nil)
        #expect(driver.gatekeeper.readMetrics().invalidations > before)
        #expect(driver.turn().commands.map { $0[0] } == ["RPUSH", "EXPIRE"])
    }

    @Test func `a key that is neither a record's nor a signal's is not acknowledged`() throws {
        let driver = try GateDriver.leased()
        let name = GateDriver.key(of: driver.signal(.barrier))
        for key in [name + "0", String(name.dropLast()) + "G", String(name.dropLast()), "x"] {
            driver.received(
                TestStore.message("__redis__:invalidate", TestStore.texts([key])),
                link: GateDriver.invalidation
            )
        }
        driver.sendMessage(name, on: "another:channel")
        driver.sendMessage(name, on: "__redis__:invalidate")
        #expect(driver.turn().commands.isEmpty)
    }

    @Test func `a worker that is not a member yet acknowledges all the same`() throws {
        let driver = try GateDriver("", sendsInvalidations: true)
        driver.connect()
        driver.connect(GateDriver.invalidation)
        let barrier = driver.signal(.barrier)
        driver.sendSignal(barrier)
        #expect(driver.turn().commands == GateDriver.acknowledgement(of: barrier))
    }
}
