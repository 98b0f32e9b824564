import Testing

@testable import RedisClient

/// A link that listens to changes of keys and to a channel.
struct SubscriptionTests {
    private static let subscription = Subscription(trackedPrefix: "record:", channels: ["barrier"])

    private let driver = LinkDriver(subscription: subscription)

    private static let tracking = [
        "CLIENT", "TRACKING", "ON", "REDIRECT", "42", "BCAST", "PREFIX", "record:",
    ]

    private func begin() {
        driver.tick()
        driver.opened()
        #expect(driver.output() == [["PING"], ["CLIENT", "ID"]])
        driver.received("+PONG\r\n:42\r\n")
    }

    private func subscribed(_ channel: String, _ count: Int = 1) -> String {
        "*3\r\n" + bulk("subscribe") + bulk(channel) + ":\(count)\r\n"
    }

    private func message(_ channel: String, _ content: String) -> String {
        "*3\r\n" + bulk("message") + bulk(channel) + content
    }

    private func bulk(_ text: String) -> String { "$\(text.utf8.count)\r\n\(text)\r\n" }

    private func listening() {
        begin()
        driver.received(
            "+OK\r\n" + subscribed("__redis__:invalidate") + subscribed("barrier", 2)
        )
        #expect(driver.events() == [.ready])
        _ = (driver.orders(), driver.output())
    }

    private func text(_ text: String) -> ArraySlice<UInt8> { ArraySlice(text.utf8) }

    @Test func `it asks for its own number, and has changes sent to itself`() {
        begin()
        #expect(
            driver.output() == [
                Self.tracking, ["SUBSCRIBE", "__redis__:invalidate"], ["SUBSCRIBE", "barrier"],
            ]
        )
        #expect(!driver.isReady)
    }

    @Test func `it is ready once everything is confirmed, and not before`() {
        begin()
        driver.received("+OK\r\n")
        driver.received(subscribed("__redis__:invalidate"))
        #expect(!driver.isReady)
        #expect(driver.events().isEmpty)
        driver.received(subscribed("barrier", 2))
        #expect(driver.events() == [.ready])
    }

    @Test func `changes are told by the keys' names`() {
        listening()
        let keys = "*2\r\n" + bulk("record:a") + bulk("record:b")
        driver.received(message("__redis__:invalidate", keys))
        #expect(
            driver.events() == [.pushed(.invalidated([text("record:a"), text("record:b")]))]
        )
    }

    @Test(arguments: ["*-1\r\n", "$-1\r\n", ":1\r\n", "$1\r\nx\r\n", "*1\r\n:1\r\n"])
    func `whatever else comes on their channel may mean any key`(content: String) {
        listening()
        driver.received(message("__redis__:invalidate", content))
        #expect(driver.events() == [.pushed(.invalidatedAll)])
    }

    @Test func `messages of other channels are handed over`() {
        listening()
        driver.received(message("barrier", bulk("nonce")))
        driver.received(message("barrier", ":1\r\n"))
        #expect(
            driver.events() == [
                .pushed(.message(channel: "barrier", text: text("nonce"))),
                .pushed(.unreadable),
            ]
        )
    }

    @Test func `answers keep their order among what is told`() {
        listening()
        driver.send("PING", "1", tag: 1)
        driver.received(
            message("barrier", bulk("before")) + "*2\r\n" + bulk("pong") + bulk("1")
                + message("barrier", bulk("after"))
        )
        #expect(
            driver.events() == [
                .pushed(.message(channel: "barrier", text: text("before"))),
                .reply(1, .array([.bulk(text("pong")), .bulk(text("1"))])),
                .pushed(.message(channel: "barrier", text: text("after"))),
            ]
        )
    }

    @Test func `what is told during the handshake is handed over`() {
        begin()
        driver.received("+OK\r\n" + subscribed("__redis__:invalidate"))
        driver.received(message("__redis__:invalidate", "*1\r\n" + bulk("record:a")))
        driver.received(subscribed("barrier", 2))
        #expect(driver.events() == [.pushed(.invalidated([text("record:a")])), .ready])
    }

    @Test(arguments: [
        "-NOPERM this user has no permissions\r\n", ":1\r\n", "+QUEUED\r\n", "$-1\r\n",
    ])
    func `a refusal or a strange answer to any of it ends the link`(answer: String) {
        let answers = [
            "+PONG\r\n", ":42\r\n", "+OK\r\n", subscribed("__redis__:invalidate"),
            subscribed("barrier", 2),
        ]
        for step in answers.indices where !(step == 1 && answer == ":1\r\n") {
            let driver = LinkDriver(subscription: Self.subscription)
            driver.tick()
            driver.opened()
            driver.received(answers[..<step].joined() + answer)
            #expect(!driver.isReady)
            #expect(driver.orders() == [.open, .close])
        }
    }

    @Test func `a confirmation of another channel is none`() {
        begin()
        driver.received("+OK\r\n" + subscribed("other"))
        #expect(driver.orders() == [.open, .close])
    }

    @Test func `a heartbeat that is not answered in time ends the link`() {
        listening()
        driver.send("PING", "1", tag: 1)
        driver.tick(afterMilliseconds: 500)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.timeout, unanswered: [1])])
    }

    @Test func `an owner may give up a link that cannot be believed`() {
        listening()
        driver.link.abandon(.unsolicited, driver.now)
        #expect(driver.orders() == [.close])
        #expect(driver.events() == [.lost(.unsolicited, unanswered: [])])
        driver.link.abandon(.unsolicited, driver.now)
        #expect(driver.orders().isEmpty)
    }

    @Test func `an answer that nothing asked for ends the link`() {
        listening()
        driver.received("*2\r\n" + bulk("pong") + bulk("1"))
        #expect(driver.events() == [.lost(.unsolicited, unanswered: [])])
    }

    @Test func `the bytes may come one by one`() {
        listening()
        for byte in message("__redis__:invalidate", "*1\r\n" + bulk("record:a")).utf8 {
            driver.received(String(decoding: [byte], as: UTF8.self))
        }
        #expect(driver.events() == [.pushed(.invalidated([text("record:a")]))])
    }
}
