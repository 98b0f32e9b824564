import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct UseCommandsTests {
    private let acme = Organization("acme")!.locator

    @Test func `a last use is read from the shard of its first digit`() {
        #expect(UseCommands.read(acme).texts == ["ZSCORE", "latchkey:used:{R}", "R7MHCgA7bVutv6"])
    }

    @Test func `last uses are recorded with one command per shard`() throws {
        var uses: [Locator: UnixTime] = [:]
        for index in 0..<1000 {
            let organization = try #require(Organization("org-\(index)"))
            uses[organization.locator] = UnixTime(milliseconds: 1_790_000_000_000 + Int64(index))
        }
        let commands = UseCommands.record(uses).map(\.texts)
        var recorded: [String: String] = [:]
        var shards: Set<String> = []
        for command in commands {
            #expect(command[0] == "ZADD")
            #expect(command[2] == "GT")
            #expect(shards.insert(command[1]).inserted)
            let pairs = Array(command[3...])
            for index in stride(from: 0, to: pairs.count, by: 2) {
                #expect(command[1] == "latchkey:used:{\(pairs[index + 1].prefix(1))}")
                recorded[pairs[index + 1]] = pairs[index]
            }
        }
        #expect(shards.count <= 62)
        #expect(recorded.count == 1000)
        for (locator, time) in uses { #expect(recorded["\(locator)"] == "\(time.milliseconds)") }
    }

    @Test func `no uses need no commands`() {
        #expect(UseCommands.record([:] as [Locator: UnixTime]).isEmpty)
    }

    @Test func `a valid last use is a moment`() {
        func lastUse(_ text: String) -> UnixTime? {
            UseCommands.lastUse(.bulk(Array(text.utf8)[...]))
        }
        #expect(lastUse("1790000000000") == UnixTime(milliseconds: 1_790_000_000_000))
        for text in [
            "", "-1", "1.5", "inf", "nan", "1e300", "1.7976931348623157e+308", "x",
            "253402300800000",
        ] {
            #expect(lastUse(text) == nil, "\(text)")
        }
        for reply in [RedisReply.null, .integer(5), .array([]), .error(Array("ERR".utf8)[...])] {
            #expect(UseCommands.lastUse(reply) == nil)
        }
    }
}
