import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Checks while the store is slow, silent or gone.
struct StoreLossTests {
    private let endpoint = Endpoint.tcp(host: "127.0.0.1", port: 6379)

    @Test func `a gatekeeper connects to the configured store`() throws {
        let driver = try GateDriver(
            "latchkey_consistency strict; latchkey_store unix:/run/redis.sock;"
        )
        driver.tick()
        #expect(driver.turn().opened == [.unix(path: "/run/redis.sock")])
        #expect(driver.turn().isEmpty)
    }

    @Test func `checks that begin before the link is ready wait for it`() throws {
        let driver = try GateDriver(
            "latchkey_consistency strict; latchkey_store redis://127.0.0.1/3;"
        )
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        driver.tick()
        #expect(driver.turn().opened == [endpoint])
        driver.check(key, request: 2)
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.check(key, request: 3)
        #expect(driver.turn().commands == [["SELECT", "3"], ["PING"]])
        driver.received("+OK\r\n+PONG\r\n")
        let turn = driver.turn()
        #expect(turn.reads.count == 1)
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.results() == [1: .allowed, 2: .allowed, 3: .allowed])
    }

    @Test func `a check that the store does not answer in time is unavailable`() throws {
        let driver = try GateDriver.connected("latchkey_timeout 200ms;")
        driver.check(driver.generate("acme"), request: 1)
        let deadline = driver.now.monotonic.advanced(byMilliseconds: 200)
        _ = driver.turn()
        #expect(driver.tick() <= deadline)
        driver.tick(afterMilliseconds: 199)
        #expect(driver.answers().isEmpty)
        driver.tick(afterMilliseconds: 1)
        let decision = try #require(driver.answers().first?.decision)
        #expect(decision.result == .unavailable)
        #expect(decision.source == Decision.Source.none)
        #expect(decision.organization == nil)
        #expect(decision.locator == Organization("acme")?.locator)
        #expect(driver.gatekeeper.waitingCount == 0)
        #expect(driver.turn().closed == 1)
    }

    @Test func `a check that waits for the link is unavailable in time, too`() throws {
        let driver = try GateDriver("latchkey_consistency strict; latchkey_timeout 200ms;")
        driver.tick()
        driver.advance(milliseconds: 100)
        driver.check(driver.generate("acme"), request: 1)
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.tick(afterMilliseconds: 199)
        #expect(driver.answers().isEmpty)
        driver.tick(afterMilliseconds: 1)
        #expect(driver.results() == [1: .unavailable])
    }

    @Test func `each check has its own deadline`() throws {
        let driver = try GateDriver.connected("latchkey_timeout 200ms;")
        driver.check(driver.generate("a"), request: 1)
        _ = driver.turn()
        driver.advance(milliseconds: 150)
        driver.check(driver.generate("b"), request: 2)
        _ = driver.turn()
        driver.tick(afterMilliseconds: 50)
        #expect(driver.results() == [1: .unavailable])
        driver.tick(afterMilliseconds: 149)
        #expect(driver.answers().isEmpty)
        driver.tick(afterMilliseconds: 1)
        #expect(driver.results() == [2: .unavailable])
    }

    @Test func `a late reply answers no check`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        let late = driver.store.answer(driver.turn().commands)
        driver.tick(afterMilliseconds: 500)
        #expect(driver.results() == [1: .unavailable])
        driver.revoke("acme")
        driver.check(key, request: 2)
        driver.received(late)
        #expect(driver.answers().isEmpty)
        driver.connect()
        #expect(driver.results() == [2: .revoked])
    }

    @Test func `a read that is lost with its link is sent again on the next`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        driver.check(driver.generate("umbrella"), request: 2)
        let lost = driver.turn()
        #expect(lost.reads.count == 2)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        #expect(driver.answers().isEmpty)
        driver.tick()
        #expect(driver.turn().opened == [endpoint])
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.received(driver.store.answer(driver.turn().commands))
        let again = driver.turn()
        #expect(again.reads.sorted() == lost.reads.sorted())
        driver.received(driver.store.answer(again.commands))
        #expect(driver.results() == [1: .allowed, 2: .allowed])
    }

    @Test func `requeued checks of one organization share a read`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        for request: UInt in 1...3 {
            driver.check(key, request: request)
            _ = driver.turn()
        }
        driver.check(key, request: 4)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.check(key, request: 5)
        driver.tick()
        _ = driver.turn()
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.received(driver.store.answer(driver.turn().commands))
        let again = driver.turn()
        #expect(again.reads.count == 1)
        driver.received(driver.store.answer(again.commands))
        #expect(
            driver.results() == [1: .allowed, 2: .allowed, 3: .allowed, 4: .allowed, 5: .allowed]
        )
    }

    @Test func `half a reply is dropped with its link`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.received(String(answer.dropLast(10)))
        driver.revoke("acme")
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.connect()
        #expect(driver.results() == [1: .revoked])
    }

    @Test func `while connections are refused checks are unavailable at once`() throws {
        let driver = try GateDriver()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        driver.tick()
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.tick()
        driver.gatekeeper.linkClosed(0, at: driver.now)
        #expect(driver.results() == [1: .unavailable])
        #expect(driver.check(key, request: 2).decision?.result == .unavailable)
        #expect(driver.gatekeeper.waitingCount == 0)
        driver.tick(afterMilliseconds: 50)
        #expect(driver.turn().opened.count == 3)
        #expect(driver.check(key, request: 3).decision == nil)
    }

    @Test func `a store that comes back is used within a second`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.gatekeeper.linkClosed(0, at: driver.now)
        for _ in 0..<5000 {
            driver.tick(afterMilliseconds: 1)
            if !driver.turn().opened.isEmpty { driver.gatekeeper.linkClosed(0, at: driver.now) }
        }
        let comesBack = driver.now.monotonic
        while driver.turn().opened.isEmpty { driver.tick(afterMilliseconds: 1) }
        #expect(driver.now.monotonic <= comesBack.advanced(byMilliseconds: 1000))
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.serve()
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a store that hangs is reconnected repeatedly, and is used once it answers`() throws
    {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        var request: UInt = 0
        var results: [UInt: Decision.Result] = [:]
        for _ in 0..<6000 {
            driver.tick(afterMilliseconds: 1)
            request += 1
            if let decision = driver.check(key, request: request).decision {
                results[request] = decision.result
            }
            if !driver.turn().opened.isEmpty { driver.gatekeeper.linkOpened(0, at: driver.now) }
            results.merge(driver.results()) { first, _ in first }
            #expect(driver.gatekeeper.waitingCount <= 501)
        }
        #expect(results.values.allSatisfy { $0 == .unavailable })
        #expect(results.count + driver.gatekeeper.waitingCount == 6000)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        driver.advance(milliseconds: 800)
        driver.connect()
        _ = driver.answers()
        #expect(driver.result(key) == .allowed)
    }

    @Test func `a store that refuses the handshake leaves checks unavailable`() throws {
        let driver = try GateDriver()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        for _ in 0..<2 {
            driver.tick()
            _ = driver.turn()
            driver.gatekeeper.linkOpened(0, at: driver.now)
            driver.received("-LOADING Redis is loading the dataset in memory\r\n")
        }
        #expect(driver.results() == [1: .unavailable])
        let text = try #require(driver.logLines().first?.text)
        #expect(text.contains("127.0.0.1:6379"))
        #expect(text.contains("LOADING"))
    }

    @Test func `garbage from the store closes the link, and its checks are requeued`() throws {
        let driver = try GateDriver.connected()
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.received("HTTP/1.1 400 Bad Request\r\n")
        #expect(driver.turn().closed == 1)
        #expect(driver.answers().isEmpty)
        driver.connect()
        #expect(driver.results() == [1: .allowed])
    }

    @Test func `a write is ordered once until all of its bytes are drained`() throws {
        let driver = try GateDriver.connected()
        driver.check(driver.generate("a"), request: 1)
        #expect(driver.gatekeeper.nextOrder(driver.now)?.order == .write)
        var buffer = [UInt8](repeating: 0, count: 10)
        #expect(
            buffer.withUnsafeMutableBytes { driver.gatekeeper.drainOutput(link: 0, into: $0) } == 10
        )
        driver.check(driver.generate("b"), request: 2)
        #expect(driver.gatekeeper.nextOrder(driver.now) == nil)
        let commands = TestStore.commands(in: buffer + driver.output(pieceLength: 7))
        #expect(commands.count == 2)
        driver.check(driver.generate("c"), request: 3)
        #expect(driver.gatekeeper.nextOrder(driver.now)?.order == .write)
        driver.received(
            driver.store.answer(
                commands + driver.turn().commands + TestStore.commands(in: driver.output())
            )
        )
        #expect(driver.results() == [1: .allowed, 2: .allowed, 3: .allowed])
    }

    @Test func `a write that was ordered on a lost link is ordered again on the next`() throws {
        let driver = try GateDriver.connected()
        driver.check(driver.generate("a"), request: 1)
        #expect(driver.gatekeeper.nextOrder(driver.now)?.order == .write)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        #expect(driver.output().isEmpty)
        driver.connect()
        #expect(driver.results() == [1: .allowed])
    }

    @Test func `events of unknown links change nothing`() throws {
        let driver = try GateDriver.connected()
        driver.check(driver.generate("acme"), request: 1)
        let turn = driver.turn()
        for link: UInt32 in [2, 15, 16, .max] {
            driver.gatekeeper.linkOpened(link, at: driver.now)
            driver.gatekeeper.linkClosed(link, at: driver.now)
            Array("x".utf8).withUnsafeBytes {
                driver.gatekeeper.linkReceived(link, $0, at: driver.now)
            }
            var buffer = [UInt8](repeating: 0, count: 10)
            #expect(
                buffer.withUnsafeMutableBytes {
                    driver.gatekeeper.drainOutput(link: link, into: $0)
                }
                    == 0
            )
        }
        driver.received(driver.store.answer(turn.commands))
        #expect(driver.results() == [1: .allowed])
    }

    @Test func `the log names the store when it is lost and when it is ready`() throws {
        let driver = try GateDriver()
        driver.tick()
        driver.gatekeeper.linkOpened(0, at: driver.now)
        driver.serve()
        let ready = driver.logLines()
        #expect(ready.map(\.level) == [.notice])
        #expect(ready.first?.text.contains("127.0.0.1:6379") == true)
        driver.gatekeeper.linkClosed(0, at: driver.now)
        let lost = driver.logLines()
        #expect(lost.map(\.level) == [.error])
        #expect(lost.first?.text.contains("127.0.0.1:6379") == true)
    }
}
