import RedisClient
import Testing

@testable import Keyring

struct TermTests {
    private let list = "latchkey:{gateways}"
    private let member = Example.member(1, token: "a")

    private func term(_ id: String = "r1") throws -> Term {
        try #require(Term(.text("# Replication\r\nrole:master\r\nmaster_replid:\(id)\r\n")))
    }

    private func membership(_ fields: (String, String)...) throws -> Membership {
        let whole = [Example.entry(member), ("checksum", "10"), ("generation", "g1")]
        return try Example.list(whole + fields, bootID: "boot-1")
    }

    @Test func `a term is named by the server's replication ID`() throws {
        #expect(Term.read.texts == ["INFO", "replication"])
        #expect(try term().replicationID == "r1")
        #expect(try term() != term("r2"))
    }

    @Test func `a server that does not tell has no term`() {
        for text in [
            "", "role:master", "master_replid:", "master_replid:a b", "master_replid:a:b",
            "master_replid:\u{E9}", "master_replid:" + String(repeating: "a", count: 65),
        ] { #expect(Term(.text(text)) == nil, "\(text)") }
        for reply in [
            RedisReply.null, .array([]), .integer(1), .error(ArraySlice("NOPERM no".utf8)),
            .bulk(Array("master_replid:".utf8) + [0xFF, 0xC3]),
        ] { #expect(Term(reply) == nil) }
    }

    @Test func `a list is whole once the term was handed over for as long as needed`() throws {
        let membership = try membership(("term:r1:g1", "1000:0"))
        #expect(membership.isWhole(in: try term(), forMilliseconds: 0))
        #expect(membership.isWhole(in: try term(), forMilliseconds: 1000))
        #expect(!membership.isWhole(in: try term(), forMilliseconds: 1001))
        #expect(!membership.isWhole(in: try term("r2"), forMilliseconds: 0))
        #expect(!membership.isWhole(in: nil, forMilliseconds: 0))
    }

    @Test(arguments: ["term:r1:g2", "term:r1:", "term:r1", "term:", "term::g1"])
    func `another name is another term`(field: String) throws {
        let membership = try membership((field, "1000:0"))
        #expect(!membership.isWhole(in: try term(), forMilliseconds: 0))
    }

    @Test func `a term that other sentinels name, or these in another version, is another one`()
        throws
    {
        func term(_ configEpoch: UInt64, _ witnesses: String) throws -> Term {
            let version = SentinelVersion(configEpoch: configEpoch, witnesses: witnesses)
            return try #require(Term(.text("master_replid:r1"), version))
        }
        let membership = try membership(("term:r1.7.abc:g1", "1000:0"))
        #expect(membership.isWhole(in: try term(7, "abc"), forMilliseconds: 1000))
        #expect(!membership.isWhole(in: try term(8, "abc"), forMilliseconds: 0))
        #expect(!membership.isWhole(in: try term(7, "def"), forMilliseconds: 0))
        #expect(!membership.isWhole(in: try self.term(), forMilliseconds: 0))
    }

    @Test func `a list without a generation is not whole`() throws {
        let fields = [("term:r1:", "1000:0"), ("term:r1:g1", "1000:0")]
        #expect(!(try Example.list(fields)).isWhole(in: try term(), forMilliseconds: 0))
        #expect((try Example.list(fields)).handOver([try term()], trustMilliseconds: 1) == nil)
        #expect((try Example.list(fields)).noteWait(try term(), from: .origin) == nil)
    }

    @Test func `entries that were added or removed by hand make a difference`() throws {
        let other = Example.entry(Example.member(2, token: "b"))
        #expect(
            !(try membership(("term:r1:g1", "1000:0"), other).isWhole(
                in: try term(),
                forMilliseconds: 0
            ))
        )
        #expect(
            try membership(("term:r1:g1", "1000:11"), other).isWhole(
                in: try term(),
                forMilliseconds: 0
            )
        )
        #expect(
            !(try membership(("term:r1:g1", "1000:-1")).isWhole(
                in: try term(),
                forMilliseconds: 0
            ))
        )
    }

    @Test(arguments: [
        "", ":", "1000", "1000:", ":0", "x:0", "1000:x", "-1:0", "1000:0:0", "1000:1.5",
        "18446744073709551616:0", "1000:9223372036854775808", "1000 0", "\u{1B}:\u{1B}",
    ])
    func `anything else is no hand-over`(value: String) throws {
        #expect(Handover(ArraySlice(value.utf8)) == nil)
        let membership = try membership(("term:r1:g1", value))
        #expect(!membership.isWhole(in: try term(), forMilliseconds: 0))
        #expect(membership.unreadable.isEmpty)
    }

    @Test(arguments: [
        Handover(trustMilliseconds: 0, excess: 0), Handover(trustMilliseconds: 1000, excess: -5),
        Handover(trustMilliseconds: 9_999_999_999_999_999_999, excess: .min),
        Handover(trustMilliseconds: 1, excess: .max),
    ])
    func `a hand-over is read as it was written`(handover: Handover) {
        #expect(Handover(ArraySlice(handover.description.utf8)) == handover)
    }

    @Test func `the executable gives a list a generation`() {
        let digits = String(repeating: "0123456789abcdef", count: 2)
        let command = Membership.begin(as: SignalID(ArraySlice(digits.utf8))!)
        #expect(command.texts == ["HSETNX", list, "generation", digits])
    }

    @Test func `the executable hands over what it has read, and removes what is of other terms`()
        throws
    {
        #expect(
            try membership().handOver([try term()], trustMilliseconds: 1000)?.map(\.texts) == [
                ["HSET", list, "term:r1:g1", "1000:0"], ["HSETNX", list, "checksum", "0"],
            ]
        )
        let membership = try membership(
            ("term:r1:g1", "50:0"),
            ("term:r0:g1", "1000:0"),
            ("term:r1:g0", "1000:0"),
            ("begun:r0:g1:boot-1", "1:0"),
            ("begun:r1:g1:boot-2", "1:0"),
            Example.entry(Example.member(2, token: "b"))
        )
        #expect(
            membership.handOver([try term()], trustMilliseconds: 1000)?.map(\.texts) == [
                ["HSET", list, "term:r1:g1", "1000:11"], ["HSETNX", list, "checksum", "0"],
                ["HDEL", list, "begun:r0:g1:boot-1", "term:r0:g1", "term:r1:g0"],
            ]
        )
    }

    @Test func `a wait is noted for this machine, and goes on while the list stays the same`()
        throws
    {
        let moment = MonotonicTime(nanoseconds: 7_000_000)
        let note = try #require(try membership().noteWait(try term(), from: moment)).texts
        #expect(note == ["HSET", list, "begun:r1:g1:boot-1", "7000000:0"])
        #expect(try membership((note[2], note[3])).waitBegan(try term()) == moment)
        #expect(try membership((note[2], note[3])).waitBegan(try term("r2")) == nil)
        #expect(try membership((note[2], note[3])).waitBegan(nil) == nil)
        #expect(try membership(("begun:r1:g1:boot-2", note[3])).waitBegan(try term()) == nil)
        let other = Example.entry(Example.member(2, token: "b"))
        #expect(try membership((note[2], note[3]), other).waitBegan(try term()) == nil)
    }

    @Test(arguments: [
        "", ":", "1", "1:", ":0", "x:0", "1:x", "-1:0", "1:0:0", "18446744073709551616:0",
        "1:9223372036854775808",
    ])
    func `anything else is no wait`(value: String) throws {
        let membership = try membership(("begun:r1:g1:boot-1", value))
        #expect(membership.waitBegan(try term()) == nil)
        #expect(membership.unreadable.isEmpty)
    }

    @Test func `a worker hands a term over unless it has been`() throws {
        #expect(
            TermHandover.read.map(\.texts) == [
                ["HGET", list, "generation"], ["INFO", "replication"],
            ]
        )
        let replication = RedisReply.text("master_replid:r1")
        let handover = TermHandover(.text("g1"), replication, trustMilliseconds: 1000)
        #expect(handover?.command.texts == ["HSETNX", list, "term:r1:g1", "1000:0"])
        for (generation, term) in [
            (RedisReply.null, replication), (.text("g1"), .null), (.integer(1), replication),
            (.text("g1"), .text("master_replid:")),
        ] { #expect(TermHandover(generation, term, trustMilliseconds: 1000) == nil) }
        #expect(
            TermHandover(.bulk([0xFF]), replication, trustMilliseconds: .max)?.command.texts.last
                == "18446744073709551615:0"
        )
    }
}
