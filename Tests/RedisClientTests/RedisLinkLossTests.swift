import Testing

@testable import RedisClient

/// The loss of a connection, and the next one.
struct RedisLinkLossTests {
    @Test func `a connection that is not established in time is closed`() {
        let driver = LinkDriver(timeoutMilliseconds: 500)
        driver.tick()
        driver.tick(afterMilliseconds: 499)
        #expect(driver.orders() == [.open])
        #expect(driver.events() == [])
        driver.tick(afterMilliseconds: 1)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.timeout, unanswered: [])])
    }

    @Test func `a server that accepts but does not respond times out`() {
        let driver = LinkDriver(timeoutMilliseconds: 500)
        driver.tick()
        driver.advance(milliseconds: 400)
        driver.opened()
        driver.tick(afterMilliseconds: 499)
        #expect(driver.events() == [])
        driver.tick(afterMilliseconds: 1)
        #expect(driver.orders() == [.open, .close])
        #expect(driver.events() == [.lost(.timeout, unanswered: [])])
        #expect(driver.output() == [])
    }

    @Test func `a reply that does not arrive in time ends the link`() {
        let driver = LinkDriver.ready(timeoutMilliseconds: 500)
        driver.send("GET", "a", tag: 1)
        let deadline = driver.now.advanced(byMilliseconds: 500)
        driver.advance(milliseconds: 100)
        driver.send("GET", "b", tag: 2)
        #expect(driver.deadline == deadline)
        driver.tick(afterMilliseconds: 399)
        #expect(driver.events() == [])
        driver.tick(afterMilliseconds: 1)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.timeout, unanswered: [1, 2])])
        #expect(!driver.isReady)
    }

    @Test func `each command has its own deadline`() {
        let driver = LinkDriver.ready(timeoutMilliseconds: 500)
        driver.send("GET", "a", tag: 1)
        driver.advance(milliseconds: 100)
        driver.send("GET", "b", tag: 2)
        driver.received("$-1\r\n")
        driver.tick(afterMilliseconds: 499)
        #expect(driver.events() == [.reply(1, .null)])
        driver.tick(afterMilliseconds: 1)
        #expect(driver.events() == [.lost(.timeout, unanswered: [2])])
    }

    @Test func `bytes that arrive after the end are ignored`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        driver.tick(afterMilliseconds: 500)
        _ = (driver.orders(), driver.events())
        driver.received("$1\r\nx\r\n")
        driver.opened()
        driver.closed()
        #expect(driver.events() == [])
        #expect(driver.orders() == [])
        driver.tick()
        driver.received("$1\r\nx\r\n")
        #expect(driver.orders() == [.open])
        driver.opened()
        driver.received("+PONG\r\n")
        driver.send("GET", "b", tag: 2)
        driver.received("$1\r\ny\r\n")
        #expect(driver.events() == [.ready, .reply(2, .bulk("y"))])
    }

    @Test func `a partial reply is not carried over to the next connection`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        driver.received("*2\r\n$1\r\nx\r\n")
        driver.closed()
        driver.connect()
        driver.send("GET", "b", tag: 2)
        driver.received("$1\r\ny\r\n")
        #expect(driver.events() == [.reply(2, .bulk("y"))])
    }

    @Test func `output that was not written before the end is dropped`() {
        let driver = LinkDriver.ready()
        driver.send("SET", "a", "1", tag: 1)
        driver.closed()
        #expect(driver.output() == [])
        #expect(driver.events() == [.lost(.disconnected, unanswered: [1])])
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["PING"]])
    }

    @Test func `the loss has the reason that the owner gives`() {
        let driver = LinkDriver.ready()
        driver.link.closed(driver.now, .untrusted)
        #expect(driver.events() == [.lost(.untrusted, unanswered: [])])
        driver.tick()
        driver.link.closed(driver.now, .unreachable)
        #expect(driver.events() == [.lost(.unreachable, unanswered: [])])
    }

    @Test func `a reply without a command ends the link`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        driver.received("$-1\r\n$-1\r\n$-1\r\n")
        #expect(driver.events() == [.reply(1, .null), .lost(.unsolicited, unanswered: [])])
        #expect(driver.orders() == [.close])
    }

    @Test func `a reply right after the handshake ends the link`() {
        let driver = LinkDriver()
        driver.tick()
        driver.opened()
        driver.received("+PONG\r\n+PONG\r\n")
        #expect(driver.events() == [.ready, .lost(.unsolicited, unanswered: [])])
        #expect(driver.orders() == [.open, .close])
    }

    @Test func `garbage ends the link after the replies before it`() {
        let driver = LinkDriver.ready()
        for tag in 1...3 { driver.send("GET", "a", tag: tag) }
        driver.received("$1\r\nx\r\nHTTP/1.1 400\r\n$1\r\ny\r\n")
        let lost = LinkDriver.Event.lost(.protocolError(.malformed), unanswered: [2, 3])
        #expect(driver.events() == [.reply(1, .bulk("x")), lost])
        #expect(driver.orders() == [.close])
    }

    @Test func `a reply that is too long ends its command and not the link`() {
        let driver = LinkDriver.ready()
        for tag in 1...3 { driver.send("GET", "a", tag: tag) }
        let length = 2 << 20
        driver.received("$1\r\nx\r\n$\(length)\r\n")
        driver.received(String(repeating: "x", count: length) + "\r\n$1\r\ny\r\n")
        #expect(
            driver.events() == [.reply(1, .bulk("x")), .reply(2, .tooLong), .reply(3, .bulk("y"))]
        )
        #expect(driver.orders() == [])
    }

    @Test func `a command whose reply never ends is answered, and is not among those lost later`() {
        let driver = LinkDriver.ready()
        for tag in 1...2 { driver.send("GET", "a", tag: tag) }
        driver.received("$9999999999\r\n")
        for _ in 0..<17 { driver.received(String(repeating: "x", count: 1 << 16)) }
        #expect(driver.events() == [.reply(1, .tooLong)])
        driver.tick(afterMilliseconds: 500)
        #expect(driver.events() == [.lost(.timeout, unanswered: [2])])
    }

    @Test func `a step of the handshake whose reply is too long ends the link`() {
        let driver = LinkDriver()
        driver.tick()
        driver.opened()
        driver.received("+" + String(repeating: "x", count: 2 << 20) + "\r\n")
        #expect(
            driver.events() == [
                .lost(.refused(RedisError("TOOLONG the reply is too long")), unanswered: [])
            ]
        )
    }

    @Test func `the limit of a reply is a setting`() {
        let driver = LinkDriver(replyLengthMax: 10)
        driver.connect()
        for tag in 1...2 { driver.send("GET", "a", tag: tag) }
        driver.received("$4\r\nabcd\r\n$5\r\nabcde\r\n")
        #expect(driver.events() == [.reply(1, .bulk("abcd")), .reply(2, .tooLong)])
    }

    @Test func `a connection that is lost is not closed again`() {
        let driver = LinkDriver.ready()
        driver.closed()
        driver.closed()
        #expect(driver.orders() == [])
        #expect(driver.events() == [.lost(.disconnected, unanswered: [])])
    }

    @Test func `a lost link reconnects at once`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        driver.received("$-1\r\n")
        driver.closed()
        #expect(driver.deadline == driver.now)
        #expect(driver.isConnecting(driver.now))
        driver.tick()
        #expect(driver.orders() == [.open])
    }

    /// Refuses connections; returns the pauses before them, in milliseconds.
    private func pauses(_ driver: LinkDriver, count: Int) -> [UInt64] {
        (0..<count).map { _ in
            driver.closed()
            let start = driver.now
            while driver.deadline > driver.now { driver.advance(milliseconds: 1) }
            driver.tick()
            #expect(driver.orders().last == .open)
            return (driver.now.nanoseconds - start.nanoseconds) / 1_000_000
        }
    }

    @Test func `pauses between attempts grow to 800 ms`() {
        let driver = LinkDriver()
        driver.tick()
        #expect(pauses(driver, count: 9) == [0, 50, 100, 200, 400, 800, 800, 800, 800])
    }

    @Test func `no attempt is made during a pause`() {
        let driver = LinkDriver()
        driver.tick()
        _ = pauses(driver, count: 2)
        driver.closed()
        _ = driver.orders()
        #expect(!driver.isConnecting(driver.now))
        driver.tick(afterMilliseconds: 99)
        #expect(driver.orders() == [])
        driver.tick(afterMilliseconds: 1)
        #expect(driver.orders() == [.open])
    }

    @Test func `a connection that answered a command resets the pauses`() {
        let driver = LinkDriver()
        driver.tick()
        _ = pauses(driver, count: 5)
        driver.opened()
        driver.received("+PONG\r\n")
        driver.send("GET", "a", tag: 1)
        driver.received("$-1\r\n")
        #expect(pauses(driver, count: 3) == [0, 50, 100])
    }

    @Test func `an idle connection that lasted a second resets the pauses`() {
        let driver = LinkDriver()
        driver.tick()
        _ = pauses(driver, count: 5)
        driver.opened()
        driver.received("+PONG\r\n")
        driver.advance(milliseconds: 1000)
        #expect(pauses(driver, count: 3) == [0, 50, 100])
    }

    @Test func `connections that end right after the handshake are made with growing pauses`() {
        let count = attempts { driver in
            driver.received("+PONG\r\n")
            driver.closed()
        }
        #expect((12...20).contains(count))
    }

    @Test func `a server that keeps refusing the handshake is asked with growing pauses`() {
        let count = attempts { driver in
            driver.received("-LOADING Redis is loading the dataset in memory\r\n")
        }
        #expect((12...20).contains(count))
    }

    /// Number of connections in ten seconds, each of which ends in the same way.
    private func attempts(_ afterOpening: (LinkDriver) -> Void) -> Int {
        let driver = LinkDriver()
        var attempts = 0
        for _ in 0..<10_000 {
            driver.tick(afterMilliseconds: 1)
            if driver.orders().contains(.open) {
                attempts += 1
                driver.opened()
                afterOpening(driver)
            }
        }
        return attempts
    }
}
