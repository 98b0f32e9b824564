import KeyFormat
import Keyring
import TestSupport
import Testing

@testable import Gateway

/// Bytes from something in the place of Redis: they admit no request, and nothing traps.
///
/// Some of these are also sent over a real socket, in Tests/EndToEnd/store/test_strange_replies.py.
struct StrangeReplyTests {
    /// What a peer sends; `nil` closes the connection.
    struct Strange: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]?

        init(_ name: String, _ text: String) {
            (testDescription, bytes) = (name, Array(text.utf8))
        }

        init(_ name: String, bytes: [UInt8]?) {
            (testDescription, self.bytes) = (name, bytes)
        }
    }

    private static let fieldsCount = RecordField.allCases.count

    private static func fields(_ element: String, _ count: Int = fieldsCount) -> String {
        "*\(count)\r\n" + String(repeating: element, count: count)
    }

    private static func bulk(_ text: String) -> String { TestStore.bulk(text) }

    private static func message(_ content: String) -> String {
        TestStore.message("__redis__:invalidate", content)
    }

    private static func signal(_ end: String) -> String {
        let locator = Organization("acme")!.locator
        return message(TestStore.texts(["latchkey:record:{\(locator)}\(end)"]))
    }

    // MARK: - In a record's place

    private static let records: [Strange] = [
        Strange("garbage", bytes: [0x00, 0xFF, 0x80] + Array(" garbage \r\n\r\n".utf8)),
        Strange("HTTP", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"),
        Strange("a status", "+OK\r\n"),
        Strange("an integer", ":1\r\n"),
        Strange("a bulk", bulk("acme")),
        Strange("an empty bulk", bulk("")),
        Strange("nothing", "$-1\r\n"),
        Strange("no array", "*-1\r\n"),
        Strange("an empty array", "*0\r\n"),
        Strange("too few fields", fields(bulk("x"), fieldsCount - 1)),
        Strange("too many fields", fields(bulk("x"), fieldsCount + 1)),
        Strange("a million fields", fields("$-1\r\n", 1_000_000)),
        Strange("integers for texts", fields(":1\r\n")),
        Strange("empty fields", fields(bulk(""))),
        Strange(
            "bytes that are no text",
            bytes: Array("*\(fieldsCount)\r\n".utf8)
                + (0..<fieldsCount).flatMap { _ in
                    Array("$3\r\n".utf8) + [0x00, 0xFF, 0xFE] + Array("\r\n".utf8)
                }
        ),
        Strange("long fields", fields(bulk(String(repeating: "x", count: 60_000)))),
        Strange("an array in an array", fields("*1\r\n" + bulk("x"))),
        Strange("arrays without end", String(repeating: "*1\r\n", count: 10_000)),
        Strange("an error", "-ERR something\r\n"),
        Strange("an error without text", "-\r\n"),
        Strange(
            "an error with control characters",
            "-ERR \u{1b}[31m\u{0} [alert] forged line\r\n"
        ),
        Strange("a long error", "-ERR " + String(repeating: "x", count: 100_000) + "\r\n"),
        Strange("a wrong type", "-WRONGTYPE Operation against a key\r\n"),
        Strange("a missing permission", "-NOPERM this user has no permissions\r\n"),
        Strange("a move", "-MOVED 3999 127.0.0.1:6381\r\n"),
        Strange("a huge bulk", "$1099511627776\r\n"),
        Strange("a huge array", "*1099511627776\r\n"),
        Strange("a length that is no number", "$abc\r\n"),
        Strange("a length below zero", "$-7\r\n"),
        Strange("a length beyond all numbers", "*99999999999999999999999999\r\n"),
        Strange("an integer beyond all numbers", ":99999999999999999999999999\r\n"),
        Strange("a bulk without its end", "$4\r\nacmeXX\r\n"),
        Strange("a type of RESP3", "%1\r\n+a\r\n+b\r\n"),
        Strange("a push of RESP3", ">2\r\n+message\r\n+x\r\n"),
        Strange("half a reply", "*12\r\n$4\r\nac"),
        Strange("no reply", ""),
        Strange("the end", bytes: nil),
    ]

    @Test(arguments: records)
    func `a strange record allows no key`(strange: Strange) throws {
        let driver = try GateDriver.connected("latchkey_timeout 300ms;")
        let key = driver.generate("acme")
        driver.check(key, request: 1)
        _ = driver.turn()
        driver.receive(strange)
        for _ in 0..<8 {
            driver.tick(afterMilliseconds: 100)
            _ = driver.turn()
        }
        #expect(driver.results() == [1: .unavailable])
        for line in driver.logLines() {
            #expect(line.text.utf8.allSatisfy { (0x20...0x7E).contains($0) })
        }
    }

    // MARK: - In the place of an answer to a heartbeat

    struct Pong: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let answer: @Sendable (String) -> Strange

        init(_ name: String, _ answer: @escaping @Sendable (String) -> String) {
            testDescription = name
            self.answer = { Strange(name, answer($0)) }
        }

        init(end name: String) {
            testDescription = name
            answer = { _ in Strange(name, bytes: nil) }
        }
    }

    private static let pongs: [Pong] = [
        Pong("another number") { TestStore.texts(["pong", "0" + $0]) },
        Pong("an earlier number") { TestStore.texts(["pong", "\(UInt64($0)! - 1)"]) },
        Pong("no number") { _ in "+PONG\r\n" },
        Pong("an empty number") { _ in TestStore.texts(["pong", ""]) },
        Pong("a word for a number") { _ in
            TestStore.texts(["pong", String(repeating: "x", count: 100_000)])
        },
        Pong("an integer") { "*2\r\n" + bulk("pong") + ":\($0)\r\n" },
        Pong("another word") { TestStore.texts(["ping", $0]) },
        Pong("three elements") { TestStore.texts(["pong", $0, ""]) },
        Pong("loading") { _ in "-LOADING Redis is loading the dataset in memory\r\n" },
        Pong("nothing") { _ in "$-1\r\n" },
        Pong(end: "the end"),
    ]

    @Test(arguments: pongs)
    func `a strange answer to a heartbeat does not renew the lease`(pong: Pong) throws {
        let driver = try GateDriver.leased()
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        for _ in 0..<5 {
            driver.tick(afterMilliseconds: 250)
            let turn = driver.turn()
            driver.received(driver.store.answer(turn.commands))
            for ping in turn.invalidation where ping.count == 2 {
                driver.receive(pong.answer(ping[1]), link: GateDriver.invalidation)
            }
        }
        #expect(driver.cached(key) == nil)
    }

    // MARK: - Among invalidations

    private static let invalidations: [Strange] = [
        Strange("garbage", bytes: [0x16, 0x03, 0x01] + Array(" garbage\r\n".utf8)),
        Strange("the end", bytes: nil),
        Strange("an unsolicited reply", "+OK\r\n"),
        Strange("an error", "-ERR something\r\n"),
        Strange("nothing", "$-1\r\n"),
        Strange("an unsolicited pong", TestStore.texts(["pong", "1"])),
        Strange("two pongs", TestStore.texts(["pong", "1"]) + TestStore.texts(["pong", "1"])),
        Strange("no key", message("*0\r\n")),
        Strange("all keys", message("*-1\r\n")),
        Strange("a text for keys", message(bulk("latchkey:record:{x}"))),
        Strange("numbers for keys", message("*2\r\n:1\r\n:2\r\n")),
        Strange("arrays for keys", message("*2\r\n*1\r\n" + bulk("x") + "*0\r\n")),
        Strange(
            "keys that are none",
            message(TestStore.texts(["", "\u{0}\u{ff}", "latchkey:record:{}"]))
        ),
        Strange(
            "many keys",
            message(
                TestStore.texts(
                    (0..<100_000).map { number in
                        let digits = String(number)
                        let zeros = String(repeating: "0", count: 14 - digits.count)
                        return "latchkey:record:{\(zeros)\(digits)}"
                    }
                )
            )
        ),
        Strange("a huge key", message("*1\r\n$1099511627776\r\n")),
        Strange("a huge number of keys", message("*1099511627776\r\n")),
        Strange("half a message", "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:inv"),
        Strange("another channel", TestStore.message("other", bulk("x"))),
        Strange("a channel without a name", TestStore.message("", bulk(""))),
        Strange("no channel", "*3\r\n" + bulk("message") + "$-1\r\n" + bulk("x")),
        Strange("a pattern", TestStore.texts(["pmessage", "*", "__redis__:invalidate", "x"])),
        Strange(
            "the end of a subscription",
            "*3\r\n" + bulk("unsubscribe") + bulk("__redis__:invalidate") + ":0\r\n"
        ),
        Strange("a signal without an ID", signal(":")),
        Strange("a signal of zeros", signal(":" + String(repeating: "0", count: 32))),
        Strange("a signal of bytes", signal(":" + String(repeating: "\u{0}\u{7f}", count: 16))),
        Strange("a signal with two marks", signal(":??" + String(repeating: "0", count: 31))),
        Strange("a long signal", signal(":" + String(repeating: "0", count: 100_000))),
        Strange(
            "a thousand signals",
            String(repeating: signal(":0123456789abcdef0123456789abcdef"), count: 1000)
        ),
        Strange("a message of RESP3", ">3\r\n+message\r\n+x\r\n+y\r\n"),
    ]

    @Test(arguments: invalidations)
    func `strange invalidations fail no check and admit no replaced key`(strange: Strange) throws {
        let driver = try GateDriver.leased()
        let replaced = driver.generate("acme")
        let key = driver.generate("acme")
        #expect(driver.result(key) == .allowed)
        driver.receive(strange, link: GateDriver.invalidation)
        for _ in 0..<3 {
            #expect(driver.result(key) == .allowed)
            #expect(driver.result(replaced) == .revoked)
            driver.tick(afterMilliseconds: 100)
        }
    }
}

extension GateDriver {
    fileprivate func receive(_ strange: StrangeReplyTests.Strange, link: UInt32 = data) {
        if let bytes = strange.bytes {
            received(bytes, link: link)
        } else {
            gatekeeper.linkClosed(link, at: now)
        }
    }

    /// The decision of a check that needs no read.
    fileprivate func cached(_ key: [UInt8]) -> Decision? {
        let check = check(key, request: 1)
        gatekeeper.cancel(ticket: check.ticket)
        return check.decision
    }
}
