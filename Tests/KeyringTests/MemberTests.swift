import RedisClient
import TestSupport
import Testing

@testable import Keyring

struct MemberTests {
    private let member = Example.member(0xABCD, token: "00beef", grace: 5000)
    private let text =
        "host=web-1 pid=4711 version=1.2.3 tracking=on lease=1000 grace=5000 token=beef"

    private func parsed(_ text: String, named id: String = "000000000000abcd") -> Member? {
        Member(field: Array(id.utf8), value: ArraySlice(("xx" + text).utf8).dropFirst(2))
    }

    @Test func `a member is read as it was written`() {
        #expect(member.text == text)
        #expect(parsed(text) == member)
        #expect(member.trustMilliseconds == 6000)
    }

    @Test func `attributes of a later version are skipped`() {
        #expect(parsed(text + " zone=b") == member)
    }

    @Test func `a member may name its sentinels`() {
        #expect(parsed(text)?.witnesses == nil)
        #expect(parsed(text + " witnesses=00ff")?.witnesses == "00ff")
        #expect(parsed(text + " witnesses=00ff")?.text == text + " witnesses=00ff")
    }

    @Test func `a token may have leading zeros`() {
        #expect(parsed(text.replacing("beef", with: "000000beef")) == member)
    }

    @Test func `a worker that gets no invalidations says so`() {
        #expect(parsed(text.replacing("tracking=on", with: "tracking=off"))?.isTracking == false)
        #expect(parsed(text.replacing("tracking=on ", with: ""))?.isTracking == true)
    }

    @Test func `every attribute but tracking is required`() {
        for attribute in text.split(separator: " ") where !attribute.hasPrefix("tracking") {
            #expect(parsed(text.replacing(attribute, with: "")) == nil, "\(attribute)")
            let name = attribute.prefix { $0 != "=" }
            #expect(parsed(text.replacing(attribute, with: "\(name)")) == nil, "\(name)")
        }
        #expect(parsed("") == nil)
        #expect(parsed("garbage") == nil)
        #expect(parsed("=") == nil)
    }

    @Test(arguments: [
        "lease=x", "lease=-1", "lease=", "lease=99999999999999999999", "lease=01", "grace=1.5",
        "pid=-1", "tracking=no", "tracking=", "token=", "token=-1", "token=-0", "token=+1",
        "token=10000000000", "token=ffffffffffffffffffff", "token=g", "token=\u{E9}",
    ])
    func `an invalid attribute makes a member unreadable`(attribute: String) {
        let name = attribute.prefix { $0 != "=" }
        let valid = text.split(separator: " ").first { $0.hasPrefix(name) }!
        #expect(parsed(text.replacing(valid, with: attribute)) == nil)
    }

    @Test func `bytes that are no text make a member unreadable`() {
        let value = Array(text.utf8)
        for index in value.indices where value[index] == UInt8(ascii: "=") {
            var altered = value
            altered[index] = 0xFF
            #expect(Member(field: Array("a".utf8), value: altered[...]) == nil)
        }
        _ = Member(field: [0xFF], value: [0xFF])
    }

    @Test func `a huge lease does not overflow`() {
        let huge = "9999999999999999999"
        let text = text.replacing("lease=1000", with: "lease=\(huge)")
            .replacing("grace=5000", with: "grace=\(huge)")
        #expect(parsed(text)?.trustMilliseconds == .max)
    }

    @Test func `a host name is sanitized`() {
        let host = "web 1\n=\u{1B}ä" + String(repeating: "x", count: 100)
        let member = Example.member(1, host: host)
        #expect(member.host.utf8.count == 64)
        #expect(!member.host.contains { " \n=\u{1B}ä".contains($0) })
        #expect(parsed(member.text, named: "1")?.host == member.host)
        #expect(Example.member(1, host: "").host == "?")
        #expect(Example.member(1, host: "::1").host == "::1")
    }

    @Test func `an ID has 16 digits`() {
        #expect("\(Member.ID(0))" == "0000000000000000")
        #expect("\(Member.ID(.max))" == "ffffffffffffffff")
    }

    @Test func `a stored ID has no characters that other fields have`() {
        #expect(Member.ID("web-1.a_B".utf8) != nil)
        for text in [
            "", "a:b", "silent:a:b", "a b", "é", "\u{1B}[31m", String(repeating: "a", count: 65),
        ] {
            #expect(Member.ID(text.utf8) == nil, "\(text)")
        }
        #expect(Member.ID([0xC3]) == nil)
    }

    @Test func `tokens have 40 bits`() {
        var highest: any RandomNumberGenerator = Constant(number: .max)
        var lowest: any RandomNumberGenerator = Constant(number: 0)
        #expect("\(Member.Token(using: &lowest))" == "0")
        #expect(Member.Token(using: &highest).number < 1 << 40)
        var generator = SplitMix64(seed: 1)
        for _ in 0..<100 {
            let token = Member.Token(using: &generator)
            #expect(Member.Token(token.description) == token)
        }
    }

    private struct Constant: RandomNumberGenerator {
        let number: UInt64
        mutating func next() -> UInt64 { number }
    }
}

struct MembershipCommandsTests {
    private let list = "latchkey:{gateways}"
    private let member = Example.member(0xABCD, token: "beef")

    @Test func `a worker joins in one transaction, and begins a generation where there is none`() {
        #expect(
            MembershipCommands.join(member).map(\.texts) == [
                ["MULTI"], ["HSET", list, "000000000000abcd", member.text],
                ["HINCRBY", list, "checksum", "\(0xBEEF)"],
                ["HSETNX", list, "generation", "000000000000abcdbeef"], ["EXEC"],
            ]
        )
    }

    @Test func `a registration that replaces another takes its token off the checksum`() {
        let commands = MembershipCommands.join(member, replacing: Member.Token("bef0"))
        #expect(commands[2].texts == ["HINCRBY", list, "checksum", "-1"])
    }

    @Test func `a worker leaves in one transaction`() {
        #expect(
            MembershipCommands.leave(member).map(\.texts) == [
                ["MULTI"], ["HDEL", list, "000000000000abcd"],
                ["HINCRBY", list, "checksum", "-\(0xBEEF)"], ["EXEC"],
            ]
        )
    }

    @Test func `a worker reads its own entry`() {
        #expect(
            MembershipCommands.readEntry(member.id).texts == ["HGET", list, "000000000000abcd"]
        )
        #expect(EntryReply(.text(member.text), of: member) == .stands)
        #expect(EntryReply(.null, of: member) == .gone)
        for text in ["", member.text + " ", Example.member(0xABCD, token: "beee").text] {
            #expect(EntryReply(.text(text), of: member) == .gone)
        }
    }

    @Test func `a store that does not tell about an entry refuses`() {
        let error = RedisReply.error(ArraySlice("NOPERM no".utf8))
        #expect(EntryReply(error, of: member) == .refused(error.failure))
        for reply in [RedisReply.integer(1), .array([]), .status(ArraySlice("OK".utf8))] {
            #expect(EntryReply(reply, of: member) == .refused(nil))
        }
    }

    @Test func `only a whole transaction makes a worker a member`() {
        let good: [RedisReply] = [.integer(1), .integer(0xBEEF), .integer(1)]
        let error = RedisReply.error(ArraySlice("ERR increment or decrement would overflow".utf8))
        #expect(JoinReply(.array(good)) == .joined)
        #expect(JoinReply(.array([.integer(0), .integer(-1), .integer(0)])) == .joined)
        for index in good.indices {
            var replies = good
            replies[index] = error
            #expect(JoinReply(.array(replies)) == .refused(error.failure))
        }
        #expect(JoinReply(error) == .refused(error.failure))
        for reply in [RedisReply.null, .integer(1), .array([]), .array(good.dropLast())] {
            #expect(JoinReply(reply) == .refused(nil))
        }
    }
}

struct TrustSpanTests {
    @Test func `others wait 2 % and a moment longer`() {
        #expect(TrustSpan.milliseconds(ofTrust: 0) == 20)
        #expect(TrustSpan.milliseconds(ofTrust: 1000) == 1040)
        #expect(TrustSpan.milliseconds(ofTrust: 3_600_000) == 3_672_020)
    }

    @Test func `trust without an end is waited for without an end`() {
        let longest = (UInt64.max - 2000) / 51 * 50
        #expect(TrustSpan.milliseconds(ofTrust: longest) < .max)
        let trusts: [UInt64] = [.max, .max - 1, longest + 3000]
        for trust in trusts {
            #expect(TrustSpan.milliseconds(ofTrust: trust) == .max)
        }
    }
}
