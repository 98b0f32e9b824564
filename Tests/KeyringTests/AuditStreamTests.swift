import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct AuditStreamTests {
    private let locator = Organization("acme")!.locator

    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    private func entry(_ id: String, _ words: String...) -> RedisReply {
        .array([bulk(id), .array(words.map(bulk))])
    }

    private func texts(_ entries: RedisReply...) -> [String]? {
        try? AuditStream.texts(.array(entries))
    }

    @Test func `entries become texts of a list, in the order of time`() {
        let found = texts(
            entry("9-1", "what", "transfer", "who", "root", "via", "root", "owner", "bob"),
            entry("9-0", "what", "generate", "who", "alice", "via", "root"),
            entry("5-0", "via", "c", "who", "=b=", "what", "a", "later", "x")
        )
        #expect(
            found == [
                "at=5 what=a who==b= via=c", "at=9 what=generate who=alice via=root",
                "at=9 what=transfer who=root via=root owner=bob",
            ]
        )
    }

    @Test func `a text is what a command of today writes`() throws {
        let (bob, root) = (Principal("bob")!, Principal("root")!)
        let written = AuditEntry(
            .transfer,
            by: root,
            account: root,
            newOwner: bob,
            at: UnixTime(milliseconds: 9)
        )
        let read = texts(
            entry("9-0", "what", "transfer", "who", "root", "via", "root", "owner", "bob")
        )
        #expect(read == [written.text])
    }

    @Test func `what is no entry is left out, and cannot add attributes`() {
        let found = texts(
            entry("x", "what", "a", "who", "b", "via", "c"),
            entry("99999999999999999999-0", "what", "a", "who", "b", "via", "c"),
            entry("5-0", "what", "a", "who", "b"),
            entry("5-0", "what", "a", "who", "b", "via"),
            entry("5-0", "what", "a", "who", "b via=root", "via", "c"),
            entry("5-0", "what", "a", "who", "b\n", "via", "c\n d"),
            .null,
            bulk("text")
        )
        #expect(found == [])
    }

    @Test func `a list is no stream, and another error is passed on`() throws {
        #expect(try !AuditStream.isStream(.array([])))
        let wrongType = RedisReply.error(Array("WRONGTYPE Operation".utf8)[...])
        #expect(try AuditStream.isStream(wrongType))
        let refused = RedisReply.error(Array("NOPERM this user".utf8)[...])
        #expect(throws: RedisError.self) { try AuditStream.isStream(refused) }
        #expect(throws: RedisError.self) { try AuditStream.texts(refused) }
        #expect(throws: RedisError.self) { try AuditStream.texts(.null) }
    }

    @Test func `a stream without a readable entry is removed, and an other one replaced`() {
        let stream = AuditStream.all(of: locator)[0]
        let key = "latchkey:audit:{\(locator)}"
        #expect(stream.replace(by: []) == [RedisCommand("DEL", .text(key))])
        #expect(
            stream.replace(by: ["a", "b"]) == [
                RedisCommand("DEL", .text(key)), RedisCommand("RPUSH", .text(key), "a", "b"),
            ]
        )
    }
}

struct FormerMembershipTests {
    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    private func living(_ entries: String..., at seconds: String = "1000000") throws -> Int? {
        try FormerMembership.livingCount([
            .array(entries.map(bulk)), .array([bulk(seconds), bulk("0")]),
        ])
    }

    @Test func `a worker that has written lately is alive`() throws {
        let entry = "host=web-1 pid=4711 version=0.2.0 lease=1000 grace=0 heartbeat="
        #expect(try living() == nil)
        #expect(try living(entry + "999999000") == 1)
        #expect(try living(entry + "1000007000") == 1)
        #expect(try living(entry + "999939999") == 0)
        #expect(try living(entry + "999939999", entry + "999999000") == 1)
    }

    @Test func `the longest lease or grace counts`() throws {
        #expect(try living("lease=1000 grace=3600000 heartbeat=997000000") == 1)
        #expect(try living("lease=1000 grace=3600000 heartbeat=996000000") == 0)
    }

    @Test func `garbage is no living worker, and nothing traps`() throws {
        #expect(try living("", "heartbeat=", "heartbeat", "=", "heartbeat=-1") == 0)
        #expect(try living("lease=9999999999999999999 heartbeat=1") == 1)
        #expect(try living("heartbeat=1", at: "9999999999999999999") == 1)
        #expect(throws: RedisError.self) { try living(at: "x") }
        #expect(throws: RedisError.self) { try FormerMembership.livingCount([]) }
        #expect(throws: RedisError.self) { try FormerMembership.livingCount([.null, .null]) }
    }
}
