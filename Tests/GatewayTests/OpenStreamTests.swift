import KeyFormat
import Keyring
import RedisClient
import Testing

@testable import Gateway

/// Open requests end with their key, and for no other reason.
struct OpenStreamTests {
    private let driver: GateDriver

    init() throws {
        driver = try GateDriver.leased()
    }

    /// Opens a request that a key admits.
    @discardableResult
    private func open(_ key: [UInt8], _ request: UInt) -> UInt64 { open(key, request, driver) }

    @discardableResult
    private func open(_ key: [UInt8], _ request: UInt, _ driver: GateDriver) -> UInt64 {
        var decision = driver.check(key, request: request).decision
        if decision == nil {
            driver.serve()
            decision = driver.answers().first { $0.request == request }?.decision
        }
        guard let decision, let locator = decision.locator, let streamKey = decision.streamKey
        else {
            Issue.record("the request was not admitted")
            return 0
        }
        return driver.gatekeeper.openStream(request, locator, streamKey)
    }

    private func ended() -> Set<UInt> { ended(driver) }

    private func ended(_ driver: GateDriver, serving: Bool = true) -> Set<UInt> {
        if serving { driver.serve() }
        var ended: Set<UInt> = []
        while let request = driver.gatekeeper.nextEndedStream() {
            #expect(ended.insert(request).inserted)
        }
        return ended
    }

    @Test func `a revoked key's requests are ended once the invalidation arrives`() {
        let key = driver.generate("acme")
        for request: UInt in 1...3 { open(key, request) }
        driver.revoke("acme")
        #expect(ended().isEmpty)
        driver.sendInvalidation("acme")
        #expect(ended() == [1, 2, 3])
        driver.sendInvalidation("acme")
        #expect(ended().isEmpty)
    }

    @Test func `a replaced key's requests are ended, its successor's stay open`() {
        let old = driver.generate("acme")
        open(old, 1)
        let new = driver.generate("acme")
        driver.sendInvalidation("acme")
        open(new, 2)
        #expect(ended() == [1])
    }

    @Test func `requests of other organizations stay open`() {
        let names = (0..<200).map { "org-\($0)" }
        for (index, name) in names.enumerated() { open(driver.generate(name), UInt(index + 1)) }
        driver.revoke("org-7")
        driver.sendInvalidation("org-7")
        #expect(ended() == [8])
    }

    @Test func `a record that cannot be read for a while is read again until it can be`() {
        let key = driver.generate("acme")
        open(key, 1)
        driver.revoke("acme")
        driver.store.refusal = "BUSY Redis is busy running a script"
        driver.sendInvalidation("acme")
        #expect(ended().isEmpty)
        driver.store.refusal = nil
        driver.beat(times: 2)
        #expect(ended() == [1])
    }

    @Test func `a change that ends no key ends no request`() {
        let key = driver.generate("acme")
        open(key, 1)
        driver.sendInvalidation("acme")
        #expect(ended().isEmpty)
    }

    @Test func `an expired key's requests are ended`() {
        open(driver.generate("acme", expiresIn: 1000), 1)
        open(driver.generate("umbrella"), 2)
        driver.tick(afterMilliseconds: 999)
        #expect(ended().isEmpty)
        #expect(driver.tick() <= driver.now.monotonic.advanced(byMilliseconds: 250))
        driver.tick(afterMilliseconds: 251)
        #expect(ended() == [1])
    }

    @Test func `a replaced key keeps its requests while its grace lasts`() {
        let old = driver.generate("acme")
        open(old, 1)
        _ = driver.generate("acme", graceMilliseconds: 2000)
        driver.sendInvalidation("acme")
        #expect(ended().isEmpty)
        driver.tick(afterMilliseconds: 1900)
        #expect(ended().isEmpty)
        driver.tick(afterMilliseconds: 400)
        #expect(ended() == [1])
    }

    @Test(arguments: ["", "latchkey_consistency strict;"])
    func `without invalidations, requests end within a lease all the same`(directives: String)
        throws
    {
        let driver = try GateDriver(directives)
        driver.connect()
        driver.beat(times: 2)
        let key = driver.generate("acme")
        open(key, 1, driver)
        open(driver.generate("umbrella"), 2, driver)
        driver.revoke("acme")
        var requests: Set<UInt> = []
        for _ in 0..<4 {
            #expect(driver.tick() <= driver.now.monotonic.advanced(byMilliseconds: 500))
            driver.tick(afterMilliseconds: 250)
            requests.formUnion(ended(driver))
        }
        #expect(requests == [1])
    }

    @Test(arguments: ["", "latchkey_consistency strict;"])
    func `records of open requests are read while the invalidation link is silent`(
        directives: String
    ) throws {
        let driver = try GateDriver.leased(directives + "latchkey_timeout 20s;")
        let key = driver.generate("acme")
        open(key, 1, driver)
        driver.revoke("acme")
        var requests: Set<UInt> = []
        for _ in 0..<8 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            requests.formUnion(ended(driver, serving: false))
        }
        #expect(requests == [1])
    }

    @Test func `open requests cost no reads while invalidations arrive`() {
        open(driver.generate("acme"), 1)
        for _ in 0..<20 {
            driver.tick(afterMilliseconds: 250)
            #expect(driver.turn().reads.isEmpty)
            driver.serve()
        }
    }

    @Test func `a closed request is not ended`() {
        let key = driver.generate("acme")
        let stream = open(key, 1)
        open(key, 2)
        driver.gatekeeper.closeStream(stream)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(ended() == [2])
    }

    @Test func `a request that closes before its end is handed out is not handed out`() {
        let key = driver.generate("acme")
        let stream = open(key, 1)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        driver.serve()
        driver.gatekeeper.closeStream(stream)
        #expect(driver.gatekeeper.nextEndedStream() == nil)
        driver.gatekeeper.closeStream(stream)
        let other = driver.generate("umbrella")
        let again = open(other, 2)
        #expect(again != stream)
        driver.gatekeeper.closeStream(stream)
        driver.revoke("umbrella")
        driver.sendInvalidation("umbrella")
        #expect(ended() == [2])
    }

    @Test func `a request whose key is revoked between the reply and its opening is ended`() {
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        let answer = driver.store.answer(driver.turn().commands)
        driver.received(answer)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        let decision = driver.answers().first?.decision
        #expect(decision?.result == .allowed)
        _ = driver.gatekeeper.openStream(1, decision!.locator!, decision!.streamKey!)
        #expect(ended() == [1])
    }

    /// Runs two checks, one before and one after a change. Their replies arrive together, after the
    /// invalidation. The first check is allowed, and its request is opened.
    private func openAfterChange(_ key: [UInt8], _ change: () -> Void) {
        driver.sendInvalidation("acme")
        driver.check(key, request: 1)
        let before = driver.store.answer(driver.turn().commands)
        change()
        driver.sendInvalidation("acme")
        driver.check(key, request: 2)
        driver.received(before + driver.store.answer(driver.turn().commands))
        let decision = driver.answers().first?.decision
        #expect(decision?.result == .allowed)
        _ = driver.gatekeeper.openStream(1, decision!.locator!, decision!.streamKey!)
    }

    @Test func `a request whose key's end is read before its opening is ended`() {
        let key = driver.generate("acme")
        openAfterChange(key) { driver.revoke("acme") }
        #expect(ended() == [1])
    }

    @Test func `a request whose key's grace is read before its opening ends with that grace`() {
        let key = driver.generate("acme")
        openAfterChange(key) { _ = driver.generate("acme", graceMilliseconds: 2000) }
        #expect(ended().isEmpty)
        driver.tick(afterMilliseconds: 1900)
        #expect(ended().isEmpty)
        driver.tick(afterMilliseconds: 400)
        #expect(ended() == [1])
    }

    @Test
    func `a key that is revoked while invalidations are lost ends its requests once they return`() {
        let key = driver.generate("acme")
        open(key, 1)
        let other = driver.generate("umbrella")
        open(other, 2)
        driver.gatekeeper.linkClosed(GateDriver.invalidation, at: driver.now)
        driver.revoke("acme")
        #expect(ended().isEmpty)
        driver.connect(GateDriver.invalidation)
        #expect(ended() == [1])
    }

    @Test func `a read for open requests that is lost with its link is sent again`() {
        let key = driver.generate("acme")
        open(key, 1)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(driver.turn().reads.count == 1)
        driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        for _ in 0..<3 {
            driver.tick(afterMilliseconds: 100)
            _ = driver.turn()
            driver.gatekeeper.linkClosed(GateDriver.data, at: driver.now)
        }
        driver.tick(afterMilliseconds: 800)
        _ = driver.turn()
        driver.gatekeeper.linkOpened(GateDriver.data, at: driver.now)
        #expect(ended() == [1])
    }

    @Test func `requests stay open when all records are lost, and end once their records say so`() {
        open(driver.generate("acme"), 1)
        open(driver.generate("umbrella"), 2)
        let records = driver.store
        driver.store.removeAll()
        driver.received(
            TestStore.message("__redis__:invalidate", "*-1\r\n"),
            link: GateDriver.invalidation
        )
        #expect(ended() == [])
        driver.store = records
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        #expect(ended() == [1])
    }

    @Test func `a strict gatekeeper ends requests too`() throws {
        let driver = try GateDriver.leased("latchkey_consistency strict;")
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        driver.serve()
        let decision = try #require(driver.answers().first?.decision)
        _ = driver.gatekeeper.openStream(1, decision.locator!, decision.streamKey!)
        #expect(driver.turn().reads.isEmpty)
        driver.revoke("acme")
        driver.sendInvalidation("acme")
        driver.serve()
        #expect(driver.gatekeeper.nextEndedStream() == 1)
    }

    @Test func `streams are opened and closed in any order`() {
        var generator = SystemRandomNumberGenerator()
        let keys = (0..<5).map { driver.generate("org-\($0)") }
        var open: [UInt: UInt64] = [:]
        for request: UInt in 1...2000 {
            let key = keys.randomElement(using: &generator)!
            open[request] = self.open(key, request)
            if let (request, stream) = open.randomElement(using: &generator), request % 3 != 0 {
                driver.gatekeeper.closeStream(stream)
                open[request] = nil
            }
        }
        for name in 0..<5 {
            driver.revoke("org-\(name)")
            driver.sendInvalidation("org-\(name)")
        }
        #expect(ended() == Set(open.keys))
    }
}
