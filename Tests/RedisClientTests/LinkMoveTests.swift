import Testing

@testable import RedisClient

/// A link whose server is named later, and named anew.
struct LinkMoveTests {
    private let other = Endpoint.tcp(host: "10.0.0.2", port: 6379)

    @Test func `a link without a server waits until it is given one`() {
        let driver = LinkDriver(endpoint: nil)
        driver.tick(afterMilliseconds: 100_000)
        #expect(driver.orders().isEmpty)
        #expect(driver.deadline == .never)
        #expect(!driver.isConnecting(driver.now))
        driver.link.retryNow(driver.now)
        #expect(driver.deadline == .never)
        driver.link.move(to: other, certificateName: nil, driver.now)
        #expect(driver.isConnecting(driver.now))
        driver.tick()
        #expect(driver.orders() == [.open])
        #expect(driver.link.endpoint == other)
        #expect(driver.events().isEmpty)
    }

    @Test func `a link that moves closes its connection, and names what was not answered`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "x", tag: 4)
        driver.link.move(to: other, certificateName: "redis.example", driver.now)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.replaced, unanswered: [4])])
        #expect(driver.link.certificateName == "redis.example")
        driver.received("$1\r\ny\r\n")
        driver.closed()
        #expect(driver.events().isEmpty)
        driver.tick()
        driver.opened()
        driver.received("+PONG\r\n")
        #expect(driver.isReady)
    }

    @Test func `a link that moves while it connects forgets the order`() {
        let driver = LinkDriver()
        driver.tick()
        driver.link.move(to: other, certificateName: nil, driver.now)
        driver.tick()
        #expect(driver.orders() == [.close, .open])
        #expect(driver.events() == [.lost(.replaced, unanswered: [])])
    }

    @Test func `a link whose server is taken away closes its connection, and waits for another`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "x", tag: 4)
        driver.link.release(driver.now)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.replaced, unanswered: [4])])
        #expect(driver.link.endpoint == nil)
        driver.tick(afterMilliseconds: 100_000)
        #expect(driver.orders().isEmpty)
        #expect(driver.deadline == .never)
        driver.link.release(driver.now)
        #expect(driver.events().isEmpty)
        driver.link.move(to: other, certificateName: nil, driver.now)
        driver.tick()
        #expect(driver.orders() == [.open])
    }

    @Test(arguments: [false, true])
    func `a link that loses its server before its owner closed the connection still orders that`(
        isLost: Bool
    ) {
        let driver = LinkDriver.ready()
        if isLost {
            driver.link.abandon(.timeout, driver.now)
        } else {
            driver.link.release(driver.now)
        }
        driver.link.release(driver.now)
        #expect(driver.orders() == [.close])
    }

    @Test func `a link that moves does not wait for the pauses of the server before`() {
        let driver = LinkDriver()
        for _ in 0..<8 {
            driver.tick(afterMilliseconds: 1000)
            driver.closed()
        }
        driver.link.move(to: other, certificateName: nil, driver.now)
        #expect(driver.deadline == driver.now)
    }

    @Test func `a pause can be ended, and a connection is not disturbed by that`() {
        let driver = LinkDriver()
        for _ in 0..<4 {
            driver.tick(afterMilliseconds: 1000)
            driver.closed()
        }
        #expect(driver.deadline > driver.now)
        driver.link.retryNow(driver.now)
        #expect(driver.deadline == driver.now)
        _ = driver.orders()
        driver.connect()
        driver.link.retryNow(driver.now)
        #expect(driver.isReady)
    }

    @Test func `a server that has to be a primary says so before the link is ready`() {
        let driver = LinkDriver(requiresPrimary: true)
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["PING"], ["INFO", "replication"]])
        driver.received("+PONG\r\n")
        #expect(!driver.isReady)
        driver.received("$13\r\nrole:master\r\n\r\n")
        #expect(driver.isReady)
    }

    @Test(arguments: [
        ("$12\r\nrole:slave\r\n\r\n", LinkFailure.notPrimary), ("$0\r\n\r\n", .notPrimary),
        ("$12\r\nrole:master2\r\n", .notPrimary), ("+OK\r\n", .notRedis), ("*0\r\n", .notRedis),
        ("-NOPERM no permission\r\n", .refused(RedisError("NOPERM no permission"))),
    ])
    func `any other answer closes the connection`(answer: String, failure: LinkFailure) {
        let driver = LinkDriver(requiresPrimary: true)
        driver.tick()
        driver.opened()
        driver.received("+PONG\r\n" + answer)
        #expect(!driver.isReady)
        #expect(driver.events() == [.lost(failure, unanswered: [])])
    }
}
