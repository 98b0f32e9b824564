import Testing

@testable import RedisClient

/// A link with invalidations.
struct InvalidationTests {
    private let driver = LinkDriver(trackedPrefix: "record:")

    private static let tracking = [
        "CLIENT", "TRACKING", "ON", "REDIRECT", "42", "BCAST", "PREFIX", "record:",
    ]

    private func begin() {
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["PING"], ["CLIENT", "ID"]])
        driver.received("+PONG\r\n:42\r\n")
    }

    private func subscribed(_ channel: String = "__redis__:invalidate") -> String {
        "*3\r\n" + bulk("subscribe") + bulk(channel) + ":1\r\n"
    }

    private func message(_ content: String, channel: String = "__redis__:invalidate") -> String {
        "*3\r\n" + bulk("message") + bulk(channel) + content
    }

    private func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    private func listening() {
        begin()
        driver.received("+OK\r\n" + subscribed())
        #expect(driver.events() == [.ready])
        _ = (driver.orders(), driver.output())
    }

    private func text(_ text: String) -> ArraySlice<UInt8> { ArraySlice(text.utf8) }

    @Test func `it redirects invalidations to its own client ID`() {
        begin()
        #expect(driver.output() == [Self.tracking, ["SUBSCRIBE", "__redis__:invalidate"]])
        #expect(!driver.isReady)
    }

    @Test func `it is ready only after all replies`() {
        begin()
        driver.received("+OK\r\n")
        #expect(!driver.isReady)
        #expect(driver.events().isEmpty)
        driver.received(subscribed())
        #expect(driver.events() == [.ready])
    }

    @Test func `invalidations contain the names of the keys`() {
        listening()
        let keys = "*2\r\n" + bulk("record:a") + bulk("record:b")
        driver.received(message(keys))
        #expect(
            driver.events() == [.invalidated(.keys([text("record:a"), text("record:b")]))]
        )
    }

    @Test(arguments: ["*-1\r\n", "$-1\r\n", "*1\r\n:1\r\n"])
    func `null or an array without names invalidates all keys`(content: String) {
        listening()
        driver.received(message(content))
        #expect(driver.events() == [.invalidated(.all)])
    }

    @Test(arguments: ["$1\r\nx\r\n", "$0\r\n\r\n", ":1\r\n", "+x\r\n"])
    func `what another client publishes on the invalidation channel says nothing`(content: String) {
        listening()
        driver.received(message(content))
        #expect(driver.events() == [.invalidated(.none)])
    }

    @Test func `a message that is too long invalidates all keys`() {
        listening()
        driver.send("PING", "1", tag: 1)
        let keys = String(repeating: bulk("record:a"), count: 100_000)
        driver.received(message("*100000\r\n" + keys))
        driver.received("*2\r\n" + bulk("pong") + bulk("1"))
        #expect(
            driver.events() == [
                .invalidated(.all), .reply(1, .array([.bulk("pong"), .bulk("1")])),
            ]
        )
    }

    @Test func `messages on other channels say nothing`() {
        listening()
        driver.received(message(bulk("record:a"), channel: "other"))
        #expect(driver.events() == [.invalidated(.none)])
    }

    @Test func `replies keep their order among invalidations`() {
        listening()
        driver.send("PING", "1", tag: 1)
        driver.received(
            message("*1\r\n" + bulk("record:a")) + "*2\r\n" + bulk("pong") + bulk("1")
                + message("*1\r\n" + bulk("record:b"))
        )
        #expect(
            driver.events() == [
                .invalidated(.keys([text("record:a")])),
                .reply(1, .array([.bulk(text("pong")), .bulk(text("1"))])),
                .invalidated(.keys([text("record:b")])),
            ]
        )
    }

    @Test func `invalidations during the handshake are passed on`() {
        begin()
        driver.received("+OK\r\n" + message("*1\r\n" + bulk("record:a")) + subscribed())
        #expect(driver.events() == [.invalidated(.keys([text("record:a")])), .ready])
    }

    @Test(arguments: [
        "-NOPERM this user has no permissions\r\n", ":1\r\n", "+QUEUED\r\n", "$-1\r\n",
    ])
    func `a refusal or an unexpected reply ends the link`(answer: String) {
        let answers = [
            "+PONG\r\n", ":42\r\n", "+OK\r\n", subscribed(),
        ]
        for step in answers.indices where !(step == 1 && answer == ":1\r\n") {
            let driver = LinkDriver(trackedPrefix: "record:")
            driver.tick()
            driver.opened()
            driver.received(answers[..<step].joined() + answer)
            #expect(!driver.isReady)
            #expect(driver.orders() == [.open, .close])
        }
    }

    @Test func `the subscription of another channel is an unexpected reply`() {
        begin()
        driver.received("+OK\r\n" + subscribed("other"))
        #expect(driver.orders() == [.open, .close])
    }

    @Test func `a heartbeat without a reply in time ends the link`() {
        listening()
        driver.send("PING", "1", tag: 1)
        driver.tick(afterMilliseconds: 500)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.timeout, unanswered: [1])])
    }

    @Test func `the owner may abandon a link that it distrusts`() {
        listening()
        driver.link.abandon(.unsolicited, driver.now)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.unsolicited, unanswered: [])])
        driver.link.abandon(.unsolicited, driver.now)
        #expect(driver.orders().isEmpty)
    }

    @Test func `a reply without a command ends the link`() {
        listening()
        driver.received("*2\r\n" + bulk("pong") + bulk("1"))
        #expect(driver.events() == [.lost(.unsolicited, unanswered: [])])
    }

    @Test func `bytes may arrive one by one`() {
        listening()
        for byte in message("*1\r\n" + bulk("record:a")).utf8 {
            driver.received(String(decoding: [byte], as: UTF8.self))
        }
        #expect(driver.events() == [.invalidated(.keys([text("record:a")]))])
    }
}
