import KeyFormat
import Keyring
import RedisClient
import TestSupport
import Testing

@testable import Gateway

/// How long cached keys are admitted once their primary is gone.
struct PrimaryChangeGraceTests {
    private typealias Driver = FailoverDriver

    @Test func `the grace goes on through a change of primary, and is not begun anew`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.first)
        driver.pass(milliseconds: 1500)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.name(Driver.second)
        driver.pass(milliseconds: 1000)
        #expect(driver.gatekeeper.endpoint(link: 0) == Driver.second)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.pass(milliseconds: 1700)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `the grace of a cached key ends when the new primary has the entry`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.promote()
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.first)
        driver.name(Driver.second)
        driver.pass(milliseconds: 1200)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.servers[Driver.second]!.isReachable = true
        driver.pass(milliseconds: 900)
        driver.servers[Driver.second]!.isReachable = false
        driver.cutOff(Driver.second)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a primary that is no longer named leaves the grace to cached keys`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        for index in 0..<3 { driver.words[index] = .reply("*-1\r\n") }
        driver.pass(milliseconds: 1200)
        #expect(driver.atOnce(key)?.source == .grace)
        driver.pass(milliseconds: 3000)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }

    @Test func `a worker that exits after a change of primary has no grace`() throws {
        let (driver, key) = try Driver.following("latchkey_outage_grace 3s;")
        driver.servers[Driver.second]!.isReachable = false
        driver.name(Driver.second)
        driver.pass(milliseconds: 300)
        #expect(driver.atOnce(key)?.result == .allowed)
        driver.gatekeeper.finish(driver.now)
        #expect(driver.atOnce(key)?.result ?? .unavailable == .unavailable)
    }
}
