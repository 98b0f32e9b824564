import RedisClient
import Testing

@testable import Keyring

struct AuditLineTests {
    private func list(_ entries: String...) -> RedisReply {
        .array(entries.map { .bulk(Array($0.utf8)[...]) })
    }

    private func lines(
        _ done: RedisReply,
        _ refused: RedisReply = .array([]),
        since: Int64 = 0
    ) -> [AuditLine]? {
        try? AuditLine.lines([done, refused], since: UnixTime(milliseconds: since))
    }

    @Test func `completed and refused actions are in the order of time`() {
        let lines = lines(
            list(
                "at=5 what=generate who=alice via=root",
                "at=9 what=transfer who=root via=root owner=bob"
            ),
            list("at=7 what=revoke who=bob via=bob")
        )
        #expect(lines?.map(\.action) == ["generate", "revoke", "transfer"])
        #expect(lines?.map(\.isRefused) == [false, true, false])
        #expect(lines?.map(\.at.milliseconds) == [5, 7, 9])
        #expect(lines?.last?.newOwner == "bob")
    }

    @Test func `earlier entries are left out`() {
        let all = list("at=5 what=a who=b via=c", "at=6 what=d who=e via=f")
        #expect(lines(all, all, since: 6)?.map(\.action) == ["d", "d"])
        #expect(lines(all, since: 7)?.isEmpty == true)
    }

    @Test func `an entry is read as it was written`() {
        let entry = AuditEntry(
            .transfer,
            by: Principal("=a=")!,
            account: Principal("what=x")!,
            from: ClientAddress("2001:DB8:0::1"),
            newOwner: Principal("b=")!,
            at: UnixTime(milliseconds: 1_790_000_000_000)
        )
        let line = lines(list(entry.text))?.first
        #expect(line?.at == UnixTime(milliseconds: 1_790_000_000_000))
        #expect(line?.action == "transfer" && line?.principal == "=a=")
        #expect(line?.account == "what=x" && line?.newOwner == "b=")
        #expect(line?.address == "2001:db8::1")
    }

    @Test func `anything that is not an entry is skipped`() {
        let bad = list(
            "",
            " ",
            "=",
            "at= what=a who=b via=c",
            "at=-1 what=a who=b via=c",
            "at=99999999999999999999 what=a who=b via=c",
            "at=1 what=a who=b",
            "at=1 what=a who=b via=c word",
            "\u{FF}\u{0}"
        )
        #expect(lines(bad)?.isEmpty == true)
        let good = RedisReply.bulk(Array("at=1 what=a who=b via=c later=word".utf8)[...])
        #expect(lines(.array([.null, .integer(1), .array([]), good]))?.count == 1)
        #expect(lines(.null)?.isEmpty == true)
    }

    @Test func `terminal escape sequences are not shown`() {
        let line = lines(list("at=1 what=a\u{1B}[2J who=b\nc via=d"))
        #expect(line?.first?.action == "a?[2J")
        #expect(line?.first?.principal == "b?c")
    }

    @Test func `an error of Redis is thrown`() {
        let error = RedisReply.error(Array("NOPERM no".utf8)[...])
        #expect(throws: RedisError.self) {
            try AuditLine.lines([error, .array([])], since: UnixTime(milliseconds: 0))
        }
    }
}
