import RedisClient
import Testing

@testable import Keyring

struct MembershipTests {
    private let first = Example.member(1, token: "a")
    private let second = Example.member(2, token: "b", grace: 90_000)

    @Test func `members are listed by host and process`() throws {
        let last = Example.member(0, host: "web-2")
        let membership = try Example.list(
            Example.entry(last),
            Example.entry(second),
            Example.entry(first)
        )
        #expect(membership.members == [first, second, last])
        #expect(membership.unreadable.isEmpty && membership.suspects.isEmpty)
        #expect(membership.trustMilliseconds == 91_000)
    }

    @Test func `an empty list has no generation, and nobody trusts anything`() throws {
        let membership = try Example.list()
        #expect(!membership.hasGeneration)
        #expect(membership.trustMilliseconds == 0)
        #expect(membership.excess == 0)
    }

    @Test func `the whole list is read at once`() {
        #expect(Membership.read.texts == ["HGETALL", "latchkey:{gateways}"])
    }

    @Test(arguments: [
        ("000000000000abcd", "garbage"), ("a:b", Example.member(1).text),
        ("\u{1B}[31m", Example.member(1).text), ("", ""),
        ("silent:1", Example.member(1).text), ("silent:1:a", "garbage"),
        ("silent:1:b", Example.member(1, token: "a").text), ("silent:1:a:boot", "x"),
        ("silent:1:a:boot:1", "1"), ("Generation:", "x"),
    ])
    func `an unreadable field is named, not skipped`(field: String, value: String) throws {
        let membership = try Example.list((field, value), Example.entry(first))
        #expect(membership.members == [first])
        #expect(membership.suspects.isEmpty)
        #expect(membership.unreadable == [field.replacing("\u{1B}", with: "?")])
    }

    @Test func `bytes that are no text are unreadable`() throws {
        let reply = RedisReply.array([.bulk([0xFF, 0xC3]), .bulk([0xFF]), .bulk([]), .bulk([])])
        #expect(try Membership(reply).unreadable == ["", "??"])
    }

    @Test func `replies that are not a list are rejected`() {
        let error = RedisReply.error(ArraySlice("NOPERM no".utf8))
        for reply in [
            RedisReply.null, .integer(1), .text("x"), .array([.null]), .array([.null, .null]),
            .array([.text("a"), .null]), .array([.integer(1), .text("a")]), .texts("a"), error,
        ] {
            #expect(throws: RedisError.self) { try Membership(reply) }
        }
    }

    @Test func `the checksum adds up all tokens, those of suspects included`() throws {
        let entries = [Example.entry(first), Example.note(second)]
        #expect(try Example.list(entries + [("checksum", "\(0xA + 0xB)")]).excess == 0)
        #expect(try Example.list(entries + [("checksum", "\(0xA)")]).excess == 0xB)
        #expect(try Example.list(Example.entry(first), ("checksum", "21")).excess == -0xB)
        #expect(try Example.list(entries).excess == 0xA + 0xB)
    }

    @Test(arguments: [
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "", "x", "1.5",
        "99999999999999999999999999",
    ])
    func `no checksum is too large or too strange`(checksum: String) throws {
        let tokens = (0..<10).map { Example.entry(Example.member($0, token: "ffffffffff")) }
        for entries in [[], tokens] {
            let membership = try Example.list(entries + [("checksum", checksum)])
            #expect(membership.excess != 0 || entries.isEmpty)
            let term = try #require(Term(.text("master_replid:x")))
            #expect(!membership.isWhole(in: term, forMilliseconds: 0))
        }
    }
}

struct SuspectTests {
    private let member = Example.member(1, token: "a", grace: 5000)
    private let other = Example.member(2, token: "b")
    private let list = "latchkey:{gateways}"

    private func suspects(_ fields: (String, String)..., bootID: String = "boot-1") throws
        -> [Suspect]
    {
        try Example.list(fields, bootID: bootID).suspects
    }

    @Test func `a suspect is a member of the past, moved at a moment of this machine`() throws {
        let read = try suspects(
            Example.note(member),
            ("silent:0000000000000001:a:boot-1", "7000000"),
            ("silent:0000000000000001:a:boot-2", "9000000")
        )
        #expect(read.map(\.member) == [member])
        #expect(read.first?.movedAt == MonotonicTime(nanoseconds: 7_000_000))
    }

    @Test func `the moment of another machine says nothing`() throws {
        let read = try suspects(
            Example.note(member),
            ("silent:0000000000000001:a:boot-2", "9000000")
        )
        #expect(read.map(\.movedAt) == [nil])
        #expect(try suspects(Example.note(member)).map(\.movedAt) == [nil])
    }

    @Test func `a moment without an entry is no suspect`() throws {
        let membership = try Example.list(("silent:0000000000000001:a:boot-1", "7000000"))
        #expect(membership.suspects.isEmpty && membership.unreadable.isEmpty)
    }

    @Test func `a worker may be suspected twice, and be a member all the same`() throws {
        let again = Example.member(1, token: "c", grace: 5000)
        let alive = Example.member(1, token: "d")
        let membership = try Example.list(
            Example.note(member),
            Example.note(again),
            Example.entry(alive),
            ("checksum", "\(0xA + 0xC + 0xD)")
        )
        #expect(membership.suspects.map(\.member) == [member, again])
        #expect(membership.members == [alive])
        #expect(membership.excess == 0)
    }

    @Test func `a suspect trusts its cache as long as it did`() throws {
        #expect(try Example.list(Example.note(member)).trustMilliseconds == 6000)
    }

    @Test func `members are moved in one transaction, which the list must not change before`() {
        #expect(
            Suspect.watch([member, other]).map(\.texts) == [
                ["WATCH", list], ["HMGET", list, "0000000000000001", "0000000000000002"],
            ]
        )
        #expect(
            Suspect.move([member]).map(\.texts) == [
                ["MULTI"], ["HDEL", list, "0000000000000001"],
                ["HSETNX", list, "silent:0000000000000001:a", member.text], ["EXEC"],
            ]
        )
        let moment = MonotonicTime(nanoseconds: 7_000_000)
        #expect(
            Suspect.note([member], movedAt: moment, bootID: "boot-1").map(\.texts) == [
                ["HSETNX", list, "silent:0000000000000001:a:boot-1", "7000000"]
            ]
        )
    }

    @Test func `only members whose entries are unchanged are moved`() {
        func unchanged(_ replies: RedisReply...) -> [Member] {
            Suspect.unchanged([member, other], .array(replies))
        }
        let anew = Example.member(1, token: "c", grace: 5000)
        #expect(unchanged(.text(member.text), .text(other.text)) == [member, other])
        #expect(unchanged(.text(member.text + " zone=b"), .null) == [member])
        #expect(unchanged(.text(anew.text), .text("")) == [])
        #expect(unchanged(.text(member.text)) == [])
        for reply in [RedisReply.null, .integer(1), .text(member.text)] {
            #expect(Suspect.unchanged([member], reply) == [])
        }
    }

    @Test func `suspects are removed with their moments and tokens`() throws {
        let read = try suspects(
            Example.note(member),
            ("silent:0000000000000001:a:boot-2", "9000000")
        )
        #expect(
            Suspect.watch(read).map(\.texts) == [
                ["WATCH", list], ["HMGET", list, "silent:0000000000000001:a"],
            ]
        )
        #expect(
            Suspect.remove(read).map(\.texts) == [
                ["MULTI"],
                [
                    "HDEL", list, "silent:0000000000000001:a",
                    "silent:0000000000000001:a:boot-2",
                ],
                ["HINCRBY", list, "checksum", "-10"], ["EXEC"],
            ]
        )
    }

    @Test func `suspects that others have removed are not removed again`() throws {
        let read = try suspects(Example.note(member), Example.note(other))
        let reply = RedisReply.array([.null, .text(other.text)])
        #expect(Suspect.noted(read, reply).map(\.member) == [other])
        for reply in [RedisReply.null, .array([]), .texts("x"), .integer(2)] {
            #expect(Suspect.noted(read, reply).isEmpty)
        }
    }

    @Test(arguments: ["0", "9223372036854775807", "9999999999999999999"])
    func `any moment is accepted`(moment: String) throws {
        let read = try suspects(Example.note(member), ("silent:0000000000000001:a:boot-1", moment))
        #expect(read.first?.movedAt?.nanoseconds == UInt64(moment))
    }

    @Test(arguments: ["", "-1", "18446744073709551616", "1.5", "\u{1B}", "0x10"])
    func `anything else is no moment`(moment: String) throws {
        let name = "silent:0000000000000001:a:boot-1"
        let membership = try Example.list(Example.note(member), (name, moment))
        #expect(membership.suspects.map(\.movedAt) == [nil])
        #expect(membership.unreadable == [name])
    }
}
