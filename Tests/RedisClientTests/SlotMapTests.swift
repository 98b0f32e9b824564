import Testing

@testable import RedisClient

struct SlotMapTests {
    private let asked = Endpoint.tcp(host: "10.0.0.9", port: 7009)

    private func text(_ text: String) -> RedisReply { .bulk(ArraySlice(text.utf8)) }

    private func server(_ host: String, _ port: Int64, _ id: String) -> RedisReply {
        .array([text(host), .integer(port), text(id), .array([])])
    }

    private func range(_ first: Int64, _ last: Int64, _ servers: RedisReply...) -> RedisReply {
        .array([.integer(first), .integer(last)] + servers)
    }

    private func map(_ ranges: RedisReply...) throws(SlotMap.Fault) -> SlotMap {
        try SlotMap(.array(ranges), from: asked)
    }

    private func slot(_ number: Int) throws -> Slot { try #require(Slot(number)) }

    private var three: SlotMap {
        get throws(SlotMap.Fault) {
            try map(
                range(10923, 16383, server("10.0.0.3", 7003, "c")),
                range(0, 5460, server("10.0.0.1", 7001, "a"), server("10.0.0.4", 7004, "d")),
                range(5461, 10922, server("::2", 7002, "b"))
            )
        }
    }

    @Test func `a map tells the primary of each slot`() throws {
        let map = try three
        #expect(map.primaries.map(\.id) == ["a", "b", "c"])
        #expect(map.primary(of: try slot(0))?.address == .tcp(host: "10.0.0.1", port: 7001))
        #expect(map.index(of: try slot(5460)) == 0)
        #expect(map.index(of: try slot(5461)) == 1)
        #expect(map.primary(of: try slot(16_383))?.id == "c")
        #expect(map.index(of: .tcp(host: "::2", port: 7002)) == 1)
        #expect(map.index(of: asked) == nil)
        #expect(map.slots(ofPrimary: 2).count == 5461)
        #expect(map.slots(ofPrimary: 3).isEmpty)
    }

    @Test func `replicas stand with their primary`() throws {
        let map = try map(
            range(0, 1, server("10.0.0.1", 7001, "a"), server("10.0.0.4", 7004, "d")),
            range(
                5,
                6,
                server("10.0.0.1", 7001, "a"),
                server("10.0.0.4", 7004, "d"),
                server("10.0.0.5", 7005, "e")
            )
        )
        #expect(map.replicas(ofPrimary: 0).map(\.id) == ["d", "e"])
        #expect(map.replicas(ofPrimary: 1).isEmpty)
        #expect(map.replicas(ofPrimary: -1).isEmpty)
    }

    @Test func `no more than 64 replicas of a primary are kept, in however many ranges they stand`()
        throws
    {
        let ranges = (0..<1000).map { (number: Int64) in
            let replica = server("10.1.0.1", 1000 + number, "r\(number)")
            return range(2 * number, 2 * number, server("10.0.0.1", 7001, "a"), replica)
        }
        let map = try SlotMap(.array(ranges), from: asked)
        #expect(map.replicas(ofPrimary: 0).count == 64)
        #expect(map.parts.count == 1000)
    }

    @Test func `slots without a primary have none`() throws {
        let map = try map(range(2, 2, server("10.0.0.1", 7001, "a")))
        #expect(map.index(of: try slot(1)) == nil)
        #expect(map.primary(of: try slot(3)) == nil)
        #expect(try self.map().primaries.isEmpty)
    }

    @Test func `a probe lies in the middle of the longest part`() throws {
        let map = try map(
            range(0, 9, server("10.0.0.1", 7001, "a")),
            range(10, 10, server("10.0.0.2", 7002, "b")),
            range(11, 30, server("10.0.0.1", 7001, "a"))
        )
        #expect(map.probe(ofPrimary: 0)?.number == 21)
        #expect(map.probe(ofPrimary: 1)?.number == 10)
        #expect(map.probe(ofPrimary: 2) == nil)
    }

    @Test func `an omitted address is that of the server that was asked`() throws {
        let map = try map(
            range(0, 9, server("", 7001, "a")),
            range(10, 19, .array([.null, .integer(7002), text("b")]))
        )
        #expect(
            map.primaries.map(\.address) == [
                .tcp(host: "10.0.0.9", port: 7001), .tcp(host: "10.0.0.9", port: 7002),
            ]
        )
    }

    @Test func `a server by a name, or by nothing, is refused`() throws {
        #expect(throws: SlotMap.Fault.hostName) { try map(range(0, 9, server("redis-1", 1, "a"))) }
        #expect(throws: SlotMap.Fault.hostName) { try map(range(0, 9, server("?", 1, "a"))) }
        let reply = RedisReply.array([range(0, 9, server("", 1, "a"))])
        for asked in [Endpoint.tcp(host: "redis-1", port: 1), .unix(path: "/run/redis")] {
            #expect(throws: SlotMap.Fault.hostName) { try SlotMap(reply, from: asked) }
        }
    }

    @Test func `two servers with one slot are refused`() {
        let (a, b) = (server("10.0.0.1", 7001, "a"), server("10.0.0.2", 7002, "b"))
        #expect(throws: SlotMap.Fault.ambiguous) { try map(range(0, 9, a), range(9, 10, b)) }
        #expect(throws: SlotMap.Fault.ambiguous) { try map(range(5, 9, a), range(0, 16383, b)) }
    }

    @Test func `more primaries than can be followed are refused`() throws {
        func map(_ count: Int) throws(SlotMap.Fault) -> SlotMap {
            let ranges = (0..<count).map {
                range(Int64($0), Int64($0), server("10.0.0.1", Int64($0 + 1), "n\($0)"))
            }
            return try SlotMap(.array(ranges), from: asked)
        }
        #expect(try map(52).primaries.count == 52)
        #expect(throws: SlotMap.Fault.tooManyPrimaries) { try map(53) }
    }

    @Test func `an error is the server's refusal`() {
        let error = RedisError("ERR This instance has cluster support disabled")
        #expect(throws: SlotMap.Fault.refused(error)) {
            try SlotMap(.error(ArraySlice(error.message.utf8)), from: asked)
        }
    }

    @Test func `anything else is no map`() {
        let a = server("10.0.0.1", 7001, "a")
        let replies: [RedisReply] = [
            .null, .integer(1), text("x"), .array([.null]), .array([.array([])]),
            .array([range(0, 9)]), .array([range(-1, 9, a)]), .array([range(9, 0, a)]),
            .array([range(0, 16384, a)]), .array([range(.min, .max, a)]),
            .array([.array([text("0"), .integer(9), a])]),
            .array([range(0, 9, .array([]))]), .array([range(0, 9, .null)]),
            .array([range(0, 9, a, .null)]),
            .array([range(0, 9, server("10.0.0.1", 0, "a"))]),
            .array([range(0, 9, server("10.0.0.1", 65536, "a"))]),
            .array([range(0, 9, server("10.0.0.1", -1, "a"))]),
            .array([range(0, 9, server("10.0.0.1", 1, ""))]),
            .array([range(0, 9, server("10.0.0.1", 1, String(repeating: "a", count: 65)))]),
            .array([range(0, 9, .array([.integer(1), .integer(1), text("a")]))]),
            .array(Array(repeating: range(0, 0, a), count: 16_385)),
        ]
        for reply in replies {
            #expect(throws: SlotMap.Fault.malformed) { try SlotMap(reply, from: asked) }
        }
    }
}
