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
        let commands = UseCommands.record(uses).map(\.command.texts)
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

struct RefusedUsesTests {
    private let acme = Organization("acme")!.locator

    @Test func `refused uses are added, and the last one is kept`() {
        let refused = RefusedUses(count: 14, lastAt: UnixTime(milliseconds: 1_790_000_000_000))
        #expect(
            RefusalCommands.record(refused, of: acme).map(\.texts) == [
                ["ZINCRBY", "latchkey:refused:{R}", "14", "\(acme)"],
                ["ZADD", "latchkey:refused_at:{R}", "GT", "1790000000000", "\(acme)"],
            ]
        )
    }

    @Test func `refused uses are read as they were written, and nothing else is accepted`() {
        func bulk(_ text: String) -> RedisReply { .bulk(ArraySlice(text.utf8)) }
        let read = RefusalCommands.refusedUses(bulk("14"), bulk("1790000000000"))
        #expect(read?.count == 14)
        #expect(read?.lastAt == UnixTime(milliseconds: 1_790_000_000_000))
        for count in [RedisReply.null, bulk("0"), bulk("-3"), bulk("1e5"), bulk("x"), .integer(3)] {
            #expect(RefusalCommands.refusedUses(count, bulk("1790000000000")) == nil)
        }
        #expect(RefusalCommands.refusedUses(bulk("14"), .null) == nil)
    }
}

struct FlushBudgetTests {
    private let set = RedisReply.status(ArraySlice("OK".utf8))

    @Test func `flushes are counted in a window that ends by itself`() {
        #expect(
            FlushBudget.count(windowMilliseconds: 500).map(\.texts) == [
                ["MULTI"], ["SET", "latchkey:flushes", "0", "PX", "500", "NX"],
                ["INCR", "latchkey:flushes"], ["EXEC"],
            ]
        )
    }

    @Test func `the number of a flush is read in a new window and in a running one`() {
        #expect(FlushBudget.number(.array([set, .integer(1)])) == 1)
        #expect(FlushBudget.number(.array([.null, .integer(11)])) == 11)
    }

    @Test func `a store that does not count has no number`() {
        let error = RedisReply.error(ArraySlice("WRONGTYPE no".utf8))
        let replies: [RedisReply?] = [
            nil, .null, .integer(1), error, .array([]), .array([.integer(1)]),
            .array([error, .integer(1)]), .array([set, error]), .array([set, .text("1")]),
            .array([set, .integer(1), .integer(1)]),
        ]
        for reply in replies { #expect(FlushBudget.number(reply) == nil) }
    }
}
