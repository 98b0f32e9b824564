import RedisClient
import Testing

@testable import Keyring

struct MembershipListTests {
    private let entry = Member(
        id: .init(0xABCD),
        host: "web-1",
        processID: 4711,
        version: "1.2.3",
        leaseMilliseconds: 1000,
        graceMilliseconds: 5000,
        heartbeatAt: UnixTime(milliseconds: 1_790_000_000_000),
        recordsCached: 12
    )

    private func bulk(_ text: String) -> RedisReply { .bulk(ArraySlice(text.utf8)) }

    private func fleet(_ fields: [(String, String)]) throws -> Membership {
        try Membership(.array(fields.flatMap { [bulk($0.0), bulk($0.1)] }))
    }

    @Test func `a worker joins with its own field`() {
        #expect(
            MembershipCommands.join(entry).texts == [
                "HSET", "latchkey:gateways", "000000000000abcd",
                "host=web-1 pid=4711 version=1.2.3 tracking=on lease=1000 grace=5000 "
                    + "heartbeat=1790000000000 cached=12",
            ]
        )
        #expect(
            MembershipCommands.leave(entry.id).texts == [
                "HDEL", "latchkey:gateways", "000000000000abcd",
            ]
        )
    }

    @Test func `a member is read as it was written`() throws {
        let fleet = try fleet([("000000000000abcd", entry.text)])
        #expect(fleet.members == [entry])
        #expect(fleet.unreadable.isEmpty)
        #expect(fleet.members.first?.trustMilliseconds == 6000)
    }

    @Test func `attributes of a later version are skipped`() throws {
        #expect(try fleet([("000000000000abcd", entry.text + " zone=b")]).members == [entry])
    }

    @Test(arguments: [
        "", "garbage", "host=web-1", "host=a pid=1 version=1 lease=x grace=0 heartbeat=1 cached=0",
        "host=a pid=1 version=1 lease=-1 grace=0 heartbeat=1 cached=0",
        "host=a pid=1 version=1 lease=1 grace=0 heartbeat=999999999999999999 cached=0",
        "host=a pid=1 version=1 lease=99999999999999999999 grace=0 heartbeat=1 cached=0",
        "host=a pid=1 version=1 tracking=no lease=1 grace=0 heartbeat=1 cached=0",
    ])
    func `an unreadable field is named, not skipped`(text: String) throws {
        let fleet = try fleet([("000000000000abcd", text), ("\u{1B}[31m", entry.text)])
        #expect(fleet.members.isEmpty)
        #expect(fleet.unreadable == ["000000000000abcd", "?[31m"].sorted())
    }

    @Test func `a worker that gets no invalidations says so`() throws {
        let text = entry.text.replacing("tracking=on", with: "tracking=off")
        #expect(try fleet([("000000000000abcd", text)]).members.map(\.isTracking) == [false])
        let old = entry.text.replacing("tracking=on ", with: "")
        #expect(try fleet([("000000000000abcd", old)]).members.map(\.isTracking) == [true])
    }

    @Test func `a huge lease does not overflow`() throws {
        let text =
            "host=a pid=1 version=1 lease=9999999999999999999 grace=9999999999999999999 "
            + "heartbeat=1 cached=0"
        #expect(try fleet([("a", text)]).members.first?.trustMilliseconds == .max)
    }

    @Test func `replies that are not a list are rejected`() {
        for reply in [RedisReply.null, .integer(1), .array([.null]), .array([.null, .null])] {
            #expect(throws: RedisError.self) { try Membership(reply) }
        }
        #expect(throws: RedisError.self) { try Membership(.error(ArraySlice("NOPERM no".utf8))) }
    }

    @Test func `a host name is sanitized`() {
        let host = "web 1\n=\u{1B}ä" + String(repeating: "x", count: 100)
        let entry = Member(
            id: .init(1),
            host: host,
            processID: 1,
            version: "",
            leaseMilliseconds: 0,
            graceMilliseconds: 0,
            heartbeatAt: UnixTime(milliseconds: 0),
            recordsCached: 0
        )
        #expect(entry.host.utf8.count == 64)
        #expect(!entry.host.contains { " \n=\u{1B}ä".contains($0) })
        #expect(Member(field: Array("1".utf8), value: ArraySlice(entry.text.utf8)) != nil)
    }

    @Test func `the reply says whether the worker was a member`() {
        #expect(JoinReply(.integer(1)) == .added)
        #expect(JoinReply(.integer(0)) == .renewed)
        #expect(JoinReply(.null) == .refused(nil))
        #expect(JoinReply(.integer(2)) == .refused(nil))
    }
}

struct BarrierIDTests {
    private let now = UnixTime(milliseconds: 1_790_000_000_000)

    private var barrierID: BarrierID { barrierID(at: now) }

    private func barrierID(at time: UnixTime) -> BarrierID {
        var generator = SystemRandomNumberGenerator()
        return BarrierID(at: time, using: &generator)
    }

    @Test func `a barrier ID is parsed as it was sent, and is unique`() {
        let sent = barrierID
        #expect(BarrierID(sent.description.utf8) == sent)
        #expect(sent != barrierID)
        #expect(FleetChannel.publish(sent).texts == ["PUBLISH", "latchkey:barrier", "\(sent)"])
    }

    @Test func `a barrier ID begins with its time in milliseconds since 1970`() {
        #expect(barrierID.description.hasPrefix("01a0c4506c00"))
        #expect(barrierID.description.utf8.count == 32)
        let ends = Set((0..<100).map { _ in barrierID.description.suffix(20) })
        #expect(ends.count == 100)
    }

    @Test func `a barrier ID has an age that is never negative`() {
        #expect(barrierID.ageMilliseconds(at: now) == 0)
        #expect(barrierID.ageMilliseconds(at: now.advanced(byMilliseconds: 1234)) == 1234)
        #expect(barrierID(at: now.advanced(byMilliseconds: 1234)).ageMilliseconds(at: now) == 0)
    }

    @Test func `a barrier ID with an impossible time has no age`() {
        let later = now.advanced(byMilliseconds: 3_600_000)
        #expect(barrierID.ageMilliseconds(at: later) == nil)
        #expect(barrierID(at: later).ageMilliseconds(at: now) == nil)
        for text in [String(repeating: "0", count: 32), String(repeating: "f", count: 32)] {
            #expect(BarrierID(text.utf8)?.ageMilliseconds(at: now) == nil)
            #expect(
                BarrierID(text.utf8)?.ageMilliseconds(at: UnixTime(milliseconds: .min)) == nil
            )
        }
    }

    @Test(arguments: [
        "", "0", String(repeating: "g", count: 32), String(repeating: "0", count: 33),
    ])
    func `anything else is not a barrier ID`(text: String) {
        #expect(BarrierID(text.utf8) == nil)
    }
}

struct BroadcastTests {
    private let barrierID = BarrierID(String(repeating: "0123456789abcdef", count: 2).utf8)!

    @Test func `a worker acknowledges under its own ID, for a limited time`() {
        #expect(
            FleetChannel.acknowledge(barrierID, by: .init(1)).map(\.texts) == [
                ["RPUSH", "latchkey:ack:\(barrierID)", "0000000000000001"],
                ["EXPIRE", "latchkey:ack:\(barrierID)", "60"],
            ]
        )
    }

    @Test func `acknowledgements are awaited and popped`() {
        #expect(
            FleetChannel.awaitAcknowledgement(of: barrierID, milliseconds: 1050).texts == [
                "BLPOP", "latchkey:ack:\(barrierID)", "1.050",
            ]
        )
        #expect(
            FleetChannel.popAcknowledgements(of: barrierID).texts == [
                "LPOP", "latchkey:ack:\(barrierID)", "1000",
            ]
        )
    }

    @Test func `only worker IDs are acknowledgements`() {
        let names = RedisReply.array([
            .bulk(ArraySlice("latchkey:ack:\(barrierID)".utf8)),
            .bulk(ArraySlice("0000000000000001".utf8)), .bulk(ArraySlice("no name".utf8)), .null,
        ])
        #expect(FleetChannel.acknowledgements(names, of: barrierID) == [.init(1)])
        #expect(FleetChannel.acknowledgements(.null, of: barrierID).isEmpty)
        #expect(FleetChannel.acknowledgements(.array([]), of: barrierID).isEmpty)
    }
}

struct LastUseFlushTests {
    private let acme = Organization("acme")!.locator
    private let digits = String(repeating: "0123456789abcdef", count: 2)

    private func inquiry(_ text: String) -> LastUseFlush? { LastUseFlush(ArraySlice(text.utf8)) }

    @Test func `a flush names the organization and is parsed as it was sent`() throws {
        let sent = LastUseFlush(about: acme, barrierID: try #require(BarrierID(digits.utf8)))
        #expect(
            FleetChannel.publish(sent).texts == [
                "PUBLISH", "latchkey:barrier", "\(digits):\(acme)",
            ]
        )
        let read = LastUseFlush(ArraySlice("xx\(sent)".utf8).dropFirst(2))
        #expect(read?.locator == acme)
        #expect(read?.description == sent.description)
    }

    @Test func `a flush and a barrier with the same ID are acknowledged separately`() throws {
        let sent = try #require(inquiry("\(digits):\(acme)"))
        #expect(
            FleetChannel.acknowledge(sent, by: .init(1)).first?.texts == [
                "RPUSH", "latchkey:ack:\(digits):\(acme)", "0000000000000001",
            ]
        )
    }

    @Test func `anything else is not a flush`() {
        for text in [
            "", digits, "\(digits):", "\(digits):\(acme)0", "\(digits).\(acme)", ":\(acme)",
            "\(digits.dropLast())g:\(acme)", "\(digits):-\("\(acme)".dropFirst())",
        ] { #expect(inquiry(text) == nil, "\(text)") }
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

struct RecordNameTests {
    private let acme = Organization("acme")!.locator

    @Test func `the key of a record contains its locator`() {
        let key = "latchkey:record:{\(acme)}"
        #expect(Keyspace.locator(ofRecord: ArraySlice(key.utf8)) == acme)
        #expect(Keyspace.locator(ofRecord: ArraySlice(("xx" + key).utf8).dropFirst(2)) == acme)
    }

    @Test(arguments: [
        "", "latchkey:record:", "latchkey:record:{}", "latchkey:record:{R7MHCgA7bVutv6",
        "latchkey:record:{R7MHCgA7bVutv6}}", "latchkey:record:[R7MHCgA7bVutv6]",
        "latchkey:record:{R7MHCgA7bVut-6}", "latchkey:audit:{R7MHCgA7bVutv6} ",
    ])
    func `other keys contain no locator`(key: String) {
        #expect(Keyspace.locator(ofRecord: ArraySlice(key.utf8)) == nil)
    }
}
