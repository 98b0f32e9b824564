import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// How uses come to the store because somebody asks.
struct AskedUseTests {
    private let driver: GateDriver
    private let acme = "\(Organization("acme")!.locator)"
    private let barrierID = String(repeating: "0123456789abcdef", count: 2)

    init() throws {
        driver = try GateDriver.leased("latchkey_cache_size 1;")
    }

    private var confirmation: [[String]] {
        [
            ["RPUSH", "latchkey:ack:\(barrierID):\(acme)", "000000000000abcd"],
            ["EXPIRE", "latchkey:ack:\(barrierID):\(acme)", "60"],
        ]
    }

    /// Somebody asks; returns what is written.
    private func ask() -> [[String]] {
        driver.tell("latchkey:barrier", "\(barrierID):\(acme)")
        return driver.turn().commands
    }

    private func use(_ organization: String) {
        #expect(driver.result(driver.generate(organization)) == .allowed)
    }

    @Test func `a use is written at once, and that is confirmed behind it`() {
        use("acme")
        let time = driver.now.unix.milliseconds
        driver.advance(milliseconds: 10)
        #expect(ask() == [["ZADD", "latchkey:used:{R}", "GT", "\(time)", acme]] + confirmation)
    }

    @Test func `a use whose record was given up is written at once, too`() {
        use("acme")
        use("umbrella")
        #expect(ask().map { $0[0] } == ["ZADD", "RPUSH", "EXPIRE"])
    }

    @Test func `where nothing is to be written, that is confirmed`() {
        use("umbrella")
        #expect(ask() == confirmation)
        #expect(ask() == confirmation)
    }

    @Test func `a use that is written is not written anew`() {
        use("acme")
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(ask() == confirmation)
    }

    @Test func `refused uses are counted once, however often somebody asks`() {
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        for _ in 0..<14 { #expect(driver.result(old) == .revoked) }
        for _ in 0..<2 { driver.received(driver.store.answer(ask())) }
        #expect(driver.store.counts == [acme: 14])
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts == [acme: 14])
    }

    @Test func `a use that was told and lost with the link is sent again`() {
        use("acme")
        let time = driver.now.unix.milliseconds
        #expect(ask().count == 3)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.connect()
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.lastUses == [acme: "\(time)"])
    }

    @Test func `what cannot be written is not confirmed, and is not lost`() {
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        #expect(driver.result(old) == .revoked)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        #expect(ask().isEmpty)
        driver.connect()
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts == [acme: 1])
        #expect(driver.store.lists.isEmpty)
    }

    @Test func `a use that the store refuses is logged, and its turn comes`() {
        use("acme")
        #expect(ask().count == 3)
        driver.received("-READONLY You can't write against a read only replica.\r\n:1\r\n:1\r\n")
        #expect(driver.logLines().contains { $0.text.contains("READONLY") })
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.lastUses.count == 1)
    }

    @Test func `no question is a change that was confirmed`() {
        let before = driver.gatekeeper.readMetrics().barriersAcknowledged
        #expect(ask() == confirmation)
        #expect(driver.gatekeeper.readMetrics().barriersAcknowledged == before)
    }
}
