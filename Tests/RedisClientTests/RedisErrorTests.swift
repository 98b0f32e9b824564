import Testing

@testable import RedisClient

struct RedisErrorTests {
    private func failure(_ text: String) -> RedisError? { RedisReply.error(text).failure }

    @Test func `an error is a code and a message`() {
        #expect(failure("WRONGTYPE Operation against a key")?.code == "WRONGTYPE")
        #expect(
            failure("WRONGTYPE Operation against a key")?.message
                == "WRONGTYPE Operation against a key"
        )
        #expect(failure("LOADING")?.code == "LOADING")
        #expect(failure("")?.code == "")
    }

    @Test(arguments: ["'", "\"", "`"])
    func `arguments quoted by Redis are omitted`(quote: String) throws {
        let text = "ERR unknown command \(quote)hunter2\(quote), with args beginning with: hunter2"
        let error = try #require(failure(text))
        #expect(error.message.hasPrefix("ERR unknown command"))
        #expect(!error.message.contains("hunter2"))
    }

    @Test func `a message is printable and truncated`() throws {
        let text = "ERR a\tb\u{7}c\u{1b}[31m\u{e9}" + String(repeating: "x", count: 10_000)
        let message = try #require(failure(text)).message
        #expect(message.hasPrefix("ERR a?b?c?[31m??x"))
        #expect(message.utf8.count <= 160)
        #expect(message.utf8.allSatisfy { (0x20...0x7E).contains($0) })
    }

    @Test func `other replies are not errors`() {
        let replies: [RedisReply] = [
            .status("OK"), .integer(0), .bulk("ERR"), .null, .array([.error("ERR")]),
        ]
        for reply in replies { #expect(reply.failure == nil) }
    }

    @Test func `only the status OK is OK`() {
        #expect(RedisReply.status("OK").isOK)
        let others: [RedisReply] = [
            .status("ok"), .status(""), .status("OK "), .bulk("OK"), .error("OK"), .null,
            .array([]),
        ]
        for reply in others { #expect(!reply.isOK) }
    }
}
