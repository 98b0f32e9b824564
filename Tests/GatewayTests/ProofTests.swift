import KeyFormat
import Keyring
import Testing

@testable import Gateway

/// Strict consistency with invalidations: a check waits for the proof that what is cached is current.
struct ProofTests {
    private let driver: GateDriver

    init() throws {
        driver = try GateDriver.proving()
    }

    /// Checks a key. Returns the result, and the names of the commands that it took.
    private func check(_ key: [UInt8]) -> (result: Decision.Result?, commands: [String]) {
        guard driver.check(key, request: 1).ticket != 0 else { return (nil, []) }
        var names: [String] = []
        while case let turn = driver.turn(), !turn.isEmpty {
            names += (turn.commands + turn.invalidation).map { $0[0] }
            driver.received(driver.store.answer(turn.commands))
            answer(turn.invalidation)
        }
        return (driver.results()[1], names)
    }

    private func answer(_ commands: [[String]]) {
        driver.received(
            driver.store.answer(commands, isSubscriber: true),
            link: GateDriver.invalidation
        )
    }

    @Test func `a record is read once, and proven by a PING from then on`() {
        let key = driver.generate("acme")
        #expect(check(key) == (.allowed, ["HMGET"]))
        for _ in 0..<3 { #expect(check(key) == (.allowed, ["PING"])) }
    }

    @Test func `all checks of a turn share a PING`() {
        let keys = ["acme", "umbrella", "initech"].map { driver.generate($0) }
        for key in keys { #expect(check(key).result == .allowed) }
        for request: UInt in 1...30 { driver.check(keys[Int(request) % 3], request: request) }
        let turn = driver.turn()
        #expect(turn.commands.isEmpty)
        #expect(turn.invalidation.map { $0[0] } == ["PING"])
        answer(turn.invalidation)
        #expect(driver.results().count == 30)
    }

    @Test func `a record that was invalidated before the answer is read, and decides`() {
        let first = driver.generate("acme")
        #expect(check(first).result == .allowed)
        driver.check(first, request: 1)
        let turn = driver.turn()
        let second = driver.generate("acme")
        driver.sendInvalidation("acme")
        answer(turn.invalidation)
        #expect(driver.results().isEmpty)
        driver.serve()
        #expect(driver.results() == [1: .revoked])
        #expect(check(second) == (.allowed, ["PING"]))
    }

    @Test func `while PINGs are refused, the record is read`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.received("-NOPERM no permission\r\n", link: GateDriver.invalidation)
        driver.serve()
        #expect(driver.results() == [1: .allowed])
        #expect(check(key) == (.allowed, ["HMGET"]))
        driver.beat(times: 1)
        #expect(check(key) == (.allowed, ["PING"]))
    }

    @Test func `a check is not decided by the answer to a PING that was sent before it`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.check(key, request: 1)
        let first = driver.turn().invalidation
        driver.check(key, request: 2)
        driver.check(key, request: 3)
        #expect(driver.turn().isEmpty)
        answer(first)
        #expect(driver.results() == [1: .allowed])
        let second = driver.turn().invalidation
        #expect(second.map { $0[0] } == ["PING"])
        answer(second)
        #expect(driver.results() == [2: .allowed, 3: .allowed])
    }

    /// A strict worker that has cached a record of a store that tells this about itself, and its key.
    private func caching(_ information: String?) throws -> (GateDriver, [UInt8]) {
        let driver = try GateDriver("latchkey_consistency strict;", sendsInvalidations: true)
        driver.store.information = information
        driver.connect()
        driver.connect(GateDriver.invalidation)
        driver.beat()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        return (driver, key)
    }

    @Test(
        arguments: [
            nil, "redis_version:8.2.3\r\nio_threads_active:1\r\n", "redis_version:9.0\r\n", "",
        ]
    )
    func `where an answer may overtake invalidations, the next one decides`(information: String?)
        throws
    {
        let (driver, key) = try caching(information)
        driver.check(key, request: 1)
        for _ in 0..<2 {
            #expect(driver.results().isEmpty)
            let pings = driver.turn().invalidation
            #expect(pings.map { $0[0] } == ["PING"])
            driver.received(
                driver.store.answer(pings, isSubscriber: true),
                link: GateDriver.invalidation
            )
        }
        #expect(driver.results() == [1: .allowed])
    }

    @Test(
        arguments: [
            "redis_version:7.2.4\r\nio_threads_active:1\r\n",
            "redis_version:6.2.14\r\n", "redis_version:8.2.3\r\nio_threads_active:0\r\n",
        ]
    )
    func `where no answer overtakes invalidations, one decides`(information: String) throws {
        let (driver, key) = try caching(information)
        driver.check(key, request: 1)
        driver.received(
            driver.store.answer(driver.turn().invalidation, isSubscriber: true),
            link: GateDriver.invalidation
        )
        #expect(driver.results() == [1: .allowed])
    }

    @Test func `checks that wait for a proof are read when invalidations stop`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        let turn = driver.turn()
        #expect(turn.commands.map { $0[0] } == ["HMGET"])
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.results() == [1: .allowed])
        #expect(check(key) == (.allowed, ["HMGET"]))
    }

    @Test func `a check whose proof does not come is unavailable in time`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.tick(afterMilliseconds: 500)
        #expect(driver.results() == [1: .unavailable])
    }

    @Test func `a cancelled check takes its place in no queue`() {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        let ticket = driver.check(key, request: 1).ticket
        driver.check(key, request: 2)
        driver.gatekeeper.cancel(ticket: ticket)
        driver.serve()
        #expect(driver.results() == [2: .allowed])
        #expect(driver.gatekeeper.waitingCount == 0)
    }

    @Test func `a worker that is no member reads`() throws {
        let key = driver.generate("acme")
        #expect(check(key).result == .allowed)
        driver.received(
            TestStore.message("__redis__:invalidate", "*-1\r\n"),
            link: GateDriver.invalidation
        )
        driver.check(key, request: 1)
        #expect(driver.turn().commands.contains { $0[0] == "HMGET" })
    }

    @Test func `a key expires on time, by its cached record`() {
        let key = driver.generate("acme", expiresIn: 500)
        #expect(check(key).result == .allowed)
        driver.advance(milliseconds: 100)
        #expect(check(key).result == .allowed)
        driver.advance(milliseconds: 400)
        #expect(check(key) == (.expired, ["PING"]))
    }
}

private func == (
    left: (result: Decision.Result?, commands: [String]),
    right: (Decision.Result?, [String])
) -> Bool {
    left.result == right.0 && left.commands == right.1
}
