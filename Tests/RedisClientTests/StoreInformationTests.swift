import RedisClient
import Testing

/// What a server says of itself may be anything.
struct StoreInformationTests {
    private func information(_ text: String) throws -> StoreInformation {
        try #require(StoreInformation(.bulk(ArraySlice(text.utf8))))
    }

    @Test func `lines are fields and their values`() throws {
        let information = try information("# Server\r\nredis_version:7.0.15\r\nused_memory:12\r\n")
        #expect(information["redis_version"] == "7.0.15")
        #expect(information.number("used_memory") == 12)
        #expect(information["role"] == nil)
    }

    @Test func `control characters are not passed on`() throws {
        let information = try information("redis_version:7.0\u{1B}]0;title\u{7}\u{9B}é\r\n")
        #expect(information["redis_version"] == "7.0?]0;title?????")
    }

    @Test(arguments: ["9223372036854775807", "18446744073709551615"])
    func `sums with the largest numbers do not overflow`(number: String) throws {
        let count = try #require(try information("used_memory:\(number)\r\n").number("used_memory"))
        #expect(!Int(clamping: count).addingReportingOverflow(Int(Int32.max)).overflow)
    }

    @Test(arguments: ["", "-1", "1.5", "18446744073709551616"])
    func `what is no number has no value`(text: String) throws {
        #expect(try information("used_memory:\(text)\r\n").number("used_memory") == nil)
    }
}
