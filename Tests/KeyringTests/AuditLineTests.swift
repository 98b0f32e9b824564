import RedisClient
import Testing

@testable import Keyring

struct AuditLineTests {
    private func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    private func entry(_ id: String, _ words: String...) -> RedisReply {
        .array([bulk(id), .array(words.map(bulk))])
    }

    private func lines(_ done: RedisReply, _ refused: RedisReply = .array([])) -> [AuditLine]? {
        try? AuditLine.lines([done, refused])
    }

    @Test func `what was done and what was refused stand in the order of their times`() {
        let lines = lines(
            .array([
                entry("5-0", "what", "generate", "who", "alice", "via", "root"),
                entry("9-1", "what", "transfer", "who", "root", "via", "root", "owner", "bob"),
            ]),
            .array([entry("7-3", "what", "revoke", "who", "bob", "via", "bob")])
        )
        #expect(lines?.map(\.action) == ["generate", "revoke", "transfer"])
        #expect(lines?.map(\.isRefused) == [false, true, false])
        #expect(lines?.map(\.at.milliseconds) == [5, 7, 9])
        #expect(lines?.last?.newOwner == "bob")
    }

    @Test func `what is no entry is passed over`() {
        let good = entry("1-0", "what", "a", "who", "b", "via", "c", "later", "word")
        let bad: [RedisReply] = [
            .null, .array([]), bulk("1-0"), entry("x-0", "what", "a", "who", "b", "via", "c"),
            entry("1-0", "what", "a", "who", "b"), entry("1-0", "what"),
            .array([bulk("1-0"), .array([bulk("what"), .integer(1)])]),
            .array([.integer(1), .array([])]),
        ]
        #expect(lines(.array(bad + [good]))?.count == 1)
        #expect(lines(.null)?.isEmpty == true)
    }

    @Test func `a text that a terminal would obey is not shown`() {
        let line = lines(.array([entry("1-0", "what", "a\u{1B}[2J", "who", "b\nc", "via", "d")]))
        #expect(line?.first?.action == "a?[2J")
        #expect(line?.first?.principal == "b?c")
    }

    @Test func `an error of the store is none of the audit`() {
        let error = RedisReply.error(Array("NOPERM no".utf8)[...])
        #expect(throws: RedisError.self) { try AuditLine.lines([error, .array([])]) }
    }
}
