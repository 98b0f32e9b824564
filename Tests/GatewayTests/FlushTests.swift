import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Last uses that a worker writes because an administrator asks for them.
struct FlushTests {
    private let driver: GateDriver
    private let acme = "\(Organization("acme")!.locator)"
    private let signal: Signal

    init() throws {
        driver = try GateDriver.leased("latchkey_cache_size 1;")
        signal = driver.signal(.flush)
    }

    private var acknowledgement: [[String]] { GateDriver.acknowledgement(of: signal) }

    /// Asks for the uses of acme; returns the commands that this causes.
    private func flush() -> [[String]] {
        driver.sendSignal(signal)
        return driver.turn().commands
    }

    private func use(_ organization: String) {
        #expect(driver.result(driver.generate(organization)) == .allowed)
    }

    @Test func `a use is written at once, and the acknowledgement follows it`() {
        use("acme")
        let time = driver.now.unix.milliseconds
        driver.advance(milliseconds: 10)
        let commands = flush()
        #expect(commands == [["ZADD", "latchkey:used:{R}", "GT", "\(time)", acme]])
        driver.received(driver.store.answer(commands))
        #expect(driver.turn().commands == acknowledgement)
    }

    @Test func `a use whose record was evicted is written at once, too`() {
        use("acme")
        use("umbrella")
        #expect(flush().map { $0[0] } == ["ZADD"])
    }

    @Test func `a flush is not acknowledged where the use may have been dropped`() {
        driver.gatekeeper.uses = KeyUses(driver.gatekeeper.cache, lastUsesMax: 1)
        for name in ["umbrella", "acme", "initech"] { use(name) }
        #expect(flush().isEmpty)
        use("acme")
        let commands = flush()
        #expect(commands.map { $0[0] } == ["ZADD"])
        driver.received(driver.store.answer(commands))
        #expect(driver.turn().commands == acknowledgement)
    }

    @Test func `a dropped use counts as missing until a later one is written`() {
        driver.gatekeeper.uses = KeyUses(driver.gatekeeper.cache, lastUsesMax: 2)
        for name in ["umbrella", "hooli", "acme", "initech", "acme"] { use(name) }
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.gatekeeper.unconfirmedCount == 0)
        #expect(flush() == acknowledgement)
    }

    @Test(arguments: [1, 2])
    func `a dropped use makes no other's last use uncertain unless too many are dropped`(
        count: Int
    ) {
        driver.gatekeeper.uses = KeyUses(driver.gatekeeper.cache, lastUsesMax: 1)
        for name in ["umbrella", "initech", "hooli", "globex"].prefix(2 + count) { use(name) }
        #expect(flush() == (count == 1 ? acknowledgement : []))
        let nobody = Signal(.flush, about: .nobody, id: signal.id)
        driver.sendSignal(nobody)
        #expect(driver.turn().commands == GateDriver.acknowledgement(of: nobody))
    }

    @Test func `a flush with nothing to write is acknowledged`() {
        use("umbrella")
        #expect(flush() == acknowledgement)
        #expect(flush() == acknowledgement)
    }

    @Test func `a use that was written is not written again`() {
        use("acme")
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(flush() == acknowledgement)
    }

    @Test func `refused uses are counted once, however often they are flushed`() {
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        for _ in 0..<14 { #expect(driver.result(old) == .revoked) }
        for _ in 0..<2 { driver.received(driver.store.answer(flush())) }
        #expect(driver.store.counts == [acme: 14])
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts == [acme: 14])
    }

    @Test func `a flushed use that was lost with the link is sent again`() {
        use("acme")
        let time = driver.now.unix.milliseconds
        #expect(flush().count == 1)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        driver.connect()
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.lastUses == [acme: "\(time)"])
    }

    @Test func `a use that cannot be written is neither acknowledged nor lost`() {
        let old = driver.generate("acme")
        _ = driver.generate("acme")
        #expect(driver.result(old) == .revoked)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        #expect(flush().isEmpty)
        driver.connect()
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.counts == [acme: 1])
        #expect(driver.store.lists.isEmpty)
    }

    @Test
    func `a flushed use that the store refuses is logged, not acknowledged, and written later`() {
        use("acme")
        #expect(flush().count == 1)
        driver.received("-READONLY You can't write against a read only replica.\r\n")
        #expect(driver.logLines().contains { $0.text.contains("READONLY") })
        #expect(driver.turn().commands.isEmpty)
        driver.tick(afterMilliseconds: 1000)
        driver.serve()
        #expect(driver.store.lastUses.count == 1)
    }

    @Test func `a flush leaves the record in the cache`() {
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        _ = flush()
        #expect(driver.check(key, request: 1).decision?.source == .cache)
    }

    @Test func `a flush does not count as an acknowledged barrier`() {
        let before = driver.gatekeeper.readMetrics().barriersAcknowledged
        #expect(flush() == acknowledgement)
        #expect(driver.gatekeeper.readMetrics().barriersAcknowledged == before)
    }
}
