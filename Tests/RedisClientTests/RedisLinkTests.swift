import TestSupport
import Testing

@testable import RedisClient

struct RedisLinkTests {
    @Test func `a new link asks to be opened at its first tick, once`() {
        let driver = LinkDriver()
        #expect(driver.orders() == [])
        #expect(driver.deadline <= driver.now)
        #expect(driver.isConnecting(driver.now))
        driver.tick()
        driver.tick()
        #expect(driver.orders() == [.open])
        #expect(driver.events() == [])
        #expect(!driver.isReady)
        #expect(driver.output() == [])
    }

    @Test func `an opened link is ready once the server has answered`() {
        let driver = LinkDriver()
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["PING"]])
        #expect(!driver.isReady)
        #expect(driver.isConnecting(driver.now))
        driver.received("+PO")
        #expect(driver.events() == [])
        driver.received("NG\r\n")
        #expect(driver.events() == [.ready])
        #expect(driver.isReady)
        #expect(!driver.isConnecting(driver.now))
        #expect(driver.isIdle)
        #expect(driver.deadline == .never)
    }

    @Test func `a user presents a password first, then selects the database`() {
        let driver = LinkDriver(database: 7, user: "gateway", password: "p w\r\n")
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["AUTH", "gateway", "p w\r\n"], ["SELECT", "7"], ["PING"]])
        driver.received("+OK\r\n+OK\r\n")
        #expect(!driver.isReady)
        driver.received("+PONG\r\n")
        #expect(driver.events() == [.ready])
    }

    @Test func `database 0 and nobody need no commands`() {
        let driver = LinkDriver(database: 3)
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["SELECT", "3"], ["PING"]])
    }

    @Test(arguments: [
        ("-WRONGPASS invalid username-password pair\r\n", "WRONGPASS"),
        ("+OK\r\n-ERR DB index is out of range\r\n", "ERR"),
        ("+OK\r\n+OK\r\n-LOADING Redis is loading\r\n", "LOADING"),
        ("+OK\r\n+OK\r\n-NOPERM no permissions\r\n", "NOPERM"),
        ("+OK\r\n+OK\r\n-NOAUTH Authentication required.\r\n", "NOAUTH"),
    ])
    func `a refused handshake ends the link`(replies: String, code: String) throws {
        let driver = LinkDriver(database: 1, user: "gateway", password: "hunter2")
        driver.tick()
        driver.opened()
        _ = driver.orders()
        driver.received(replies)
        #expect(driver.orders() == [.close])
        let events = driver.events()
        guard case .lost(.refused(let error), unanswered: []) = try #require(events.first) else {
            Issue.record("\(events)")
            return
        }
        #expect(error.code == code)
        #expect(events.count == 1)
        #expect(!driver.isReady)
        #expect(driver.output() == [])
    }

    @Test(arguments: [
        "+PONG\r\n", "$2\r\nOK\r\n", ":1\r\n", "$-1\r\n", "*0\r\n", "+OK\r\n+PONG\r\n",
        "+OK\r\n+OK\r\n+OK\r\n",
        "+OK\r\n+OK\r\n$4\r\nPONG\r\n", "+OK\r\n+OK\r\n*2\r\n$4\r\npong\r\n$0\r\n\r\n",
    ])
    func `a server that answers the handshake with something else is no Redis`(replies: String) {
        let driver = LinkDriver(database: 1, user: "gateway", password: "hunter2")
        driver.tick()
        driver.opened()
        driver.received(replies)
        #expect(driver.events() == [.lost(.notRedis, unanswered: [])])
        #expect(driver.orders() == [.open, .close])
    }

    @Test func `nothing is sent before the link is ready`() {
        let driver = LinkDriver()
        #expect(!driver.send("GET", "a", tag: 1))
        driver.tick()
        #expect(!driver.send("GET", "a", tag: 1))
        driver.opened()
        #expect(!driver.send("GET", "a", tag: 1))
        #expect(driver.output() == [["PING"]])
        driver.received("+PONG\r\n")
        #expect(driver.send("GET", "a", tag: 1))
        #expect(driver.output() == [["GET", "a"]])
        driver.closed()
        #expect(!driver.send("GET", "a", tag: 1))
    }

    @Test(arguments: [1, 3, 1000])
    func `replies belong to commands in their order`(pieceLength: Int) {
        let driver = LinkDriver.ready()
        for tag in 1...100 { driver.send("ECHO", "\(tag)", tag: tag) }
        #expect(driver.output() == (1...100).map { ["ECHO", "\($0)"] })
        #expect(!driver.isIdle)
        var rest = Substring((1...100).map { ":\($0)\r\n" }.joined())
        while !rest.isEmpty {
            driver.received(String(decoding: rest.utf8.prefix(pieceLength), as: UTF8.self))
            rest = Substring(rest.utf8.dropFirst(pieceLength))
        }
        #expect(driver.events() == (1...100).map { .reply($0, .integer(Int64($0))) })
        #expect(driver.isIdle)
        #expect(driver.orders() == [])
    }

    @Test func `an error is the reply to its command alone`() {
        let driver = LinkDriver.ready()
        driver.send("A", tag: 1)
        driver.send("B", tag: 2)
        driver.received("-WRONGTYPE x\r\n+OK\r\n")
        #expect(driver.events() == [.reply(1, .error("WRONGTYPE x")), .reply(2, .status("OK"))])
        #expect(driver.isReady)
    }

    @Test(arguments: [1, 2, 7, 4096])
    func `output is handed over in pieces of any size`(pieceLength: Int) {
        let driver = LinkDriver.ready()
        driver.send("SET", "key", "value", tag: 1)
        driver.send("GET", "key", tag: 2)
        #expect(driver.hasOutput)
        let output = driver.outputBytes(pieceLength: pieceLength)
        #expect(CommandReader.commands(in: output) == [["SET", "key", "value"], ["GET", "key"]])
        #expect(!driver.hasOutput)
        #expect(!driver.isIdle)
    }

    @Test func `commands may be added while others are being written`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        var first = [UInt8](repeating: 0, count: 5)
        #expect(first.withUnsafeMutableBytes { driver.link.drainOutput(into: $0) } == 5)
        driver.send("GET", "b", tag: 2)
        #expect(
            CommandReader.commands(in: first + driver.outputBytes()) == [
                ["GET", "a"], ["GET", "b"],
            ]
        )
    }

    @Test func `a write is ordered once until its bytes have been drained`() {
        let driver = LinkDriver.ready()
        #expect(driver.allOrders() == [])
        driver.send("GET", "a", tag: 1)
        #expect(driver.allOrders() == [.write])
        driver.send("GET", "b", tag: 2)
        #expect(driver.allOrders() == [])
        #expect(driver.output() == [["GET", "a"], ["GET", "b"]])
        driver.send("GET", "c", tag: 3)
        #expect(driver.allOrders() == [.write])
    }

    @Test func `a write that was ordered on a lost connection is ordered anew on the next one`() {
        let driver = LinkDriver.ready()
        driver.send("GET", "a", tag: 1)
        #expect(driver.allOrders() == [.write])
        driver.closed()
        driver.tick()
        driver.opened()
        #expect(driver.allOrders() == [.open, .write])
    }
}
