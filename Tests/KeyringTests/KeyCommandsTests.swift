import KeyFormat
import RedisClient
import Testing

@testable import Keyring

struct KeyCommandsTests {
    private let example: Example
    private let locator = Example.organization.locator
    private let audit = AuditEntry(
        .generate,
        by: Example.owner,
        account: Principal("root")!,
        at: UnixTime(milliseconds: 1_790_000_000_000)
    )

    init() throws {
        example = try Example()
    }

    private func write(_ record: KeyRecord) -> [[String]] {
        KeyCommands.write(record, seal: example.seal, audit: audit).map(\.texts)
    }

    @Test func `a record is read with all its fields, in the order of the seal`() {
        #expect(
            KeyCommands.read(locator).texts == [
                "HMGET", "latchkey:record:{R7MHCgA7bVutv6}", "organization", "owner", "version",
                "state",
                "verifier", "created_at", "created_by", "expires_at", "previous_verifier",
                "previous_until", "revoked_at", "mac",
            ]
        )
    }

    @Test func `a record is watched during a change`() {
        #expect(KeyCommands.watch(locator).texts == ["WATCH", "latchkey:record:{R7MHCgA7bVutv6}"])
    }

    @Test func `a registration is one transaction`() throws {
        let mac = try #require(example.stored(Example.registered)[.mac])
        let key = "latchkey:record:{R7MHCgA7bVutv6}"
        #expect(
            write(Example.registered) == [
                ["MULTI"],
                ["HINCRBY", key, "version", "1"],
                [
                    "HSET", key, "state", "none", "mac", mac, "organization", "acme", "owner",
                    "alice",
                ],
                [
                    "HDEL", key, "verifier", "created_at", "created_by", "expires_at",
                    "previous_verifier", "previous_until", "revoked_at",
                ],
                [
                    "RPUSH", "latchkey:audit:{R7MHCgA7bVutv6}",
                    "at=1790000000000 what=generate who=alice via=root",
                ],
                ["LTRIM", "latchkey:audit:{R7MHCgA7bVutv6}", "-1000", "-1"],
                ["EXEC"],
            ]
        )
    }

    @Test func `a new key with grace is one transaction`() throws {
        let mac = try #require(example.stored(Example.replaced)[.mac])
        let key = "latchkey:record:{R7MHCgA7bVutv6}"
        let commands = write(Example.replaced)
        #expect(
            commands[2] == [
                "HSET", key, "state", "active", "mac", mac, "organization", "acme", "owner",
                "alice", "verifier", String(repeating: "22", count: 24), "created_at",
                "1790000000000", "created_by", "alice", "previous_verifier",
                String(repeating: "11", count: 24), "previous_until", "1790000600000",
            ]
        )
        #expect(commands[3] == ["HDEL", key, "expires_at", "revoked_at"])
    }

    @Test func `a revocation leaves no verifier`() {
        let commands = write(Example.revoked)
        #expect(commands[2].contains("revoked_at"))
        for field in ["verifier", "previous_verifier", "previous_until", "expires_at"] {
            #expect(commands[3].contains(field))
            #expect(!commands[2].contains(field))
        }
    }

    @Test func `a transaction covers every field and never deletes the record`() {
        for record in [Example.registered, Example.active, Example.replaced, Example.revoked] {
            let commands = write(record)
            let touched = commands[1][2...2] + commands[2][2...] + commands[3][2...]
            for field in RecordField.allCases { #expect(touched.contains(field.name)) }
            #expect(commands[3].count > 2)
            #expect(!commands.contains { $0[0] == "DEL" || $0[0] == "UNLINK" })
            #expect(
                commands.dropFirst().dropLast().allSatisfy { $0[1].hasSuffix("{R7MHCgA7bVutv6}") }
            )
        }
    }

    @Test(arguments: [
        (AuditEntry.Action.register, "register"), (.generate, "generate"), (.revoke, "revoke"),
    ])
    func `an audit entry names action, principal and account`(
        action: AuditEntry.Action,
        name: String
    ) {
        let entry = AuditEntry(
            action,
            by: Principal("alice")!,
            account: Principal("ops")!,
            at: UnixTime(milliseconds: 7)
        )
        #expect(entry.text == "at=7 what=\(name) who=alice via=ops")
    }

    @Test func `a transaction with five replies and the expected version was written`() throws {
        let trimmed = RedisReply.status(Array("OK".utf8)[...])
        let good: [RedisReply] = [
            .integer(3), .integer(0), .integer(2), .integer(1), trimmed,
        ]
        #expect(WriteOutcome(.array(good), version: 3) == .written)
        #expect(WriteOutcome(.array(good), version: 4) == .unknown)
        #expect(WriteOutcome(.array(good.dropLast()), version: 3) == .unknown)
        #expect(WriteOutcome(.array(good + [.integer(1)]), version: 3) == .unknown)
        #expect(WriteOutcome(.array([]), version: 3) == .unknown)
        let error = RedisReply.error(Array("WRONGTYPE x".utf8)[...])
        for index in 0..<3 {
            var replies = good
            replies[index] = error
            #expect(WriteOutcome(.array(replies), version: 3) == .unknown)
        }
        let unaudited = WriteOutcome.unaudited(try #require(error.failure))
        for index in 3..<5 {
            var replies = good
            replies[index] = error
            #expect(WriteOutcome(.array(replies), version: 3) == unaudited)
            #expect(WriteOutcome(.array(replies), version: 4) == .unknown)
        }
    }

    @Test func `a transaction that was not executed says why`() throws {
        #expect(WriteOutcome(.null, version: 3) == .conflict)
        let reply = RedisReply.error(Array("EXECABORT Transaction discarded".utf8)[...])
        #expect(WriteOutcome(reply, version: 3) == .refused(try #require(reply.failure)))
        for other in [RedisReply.integer(3), .status(Array("OK".utf8)[...]), .bulk([])] {
            #expect(WriteOutcome(other, version: 3) == .unknown)
        }
    }
}
