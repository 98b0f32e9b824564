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
        RecordWrite(record, seal: example.seal, audit: audit).commands.map(\.texts)
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

    @Test func `the keys of a record are deleted with its seal`() {
        #expect(
            KeyCommands.deleteKeys(locator).texts == [
                "HDEL", "latchkey:record:{R7MHCgA7bVutv6}", "verifier", "created_at", "created_by",
                "expires_at", "previous_verifier", "previous_until", "mac",
            ]
        )
    }

    @Test func `a registration writes every field and the audit`() throws {
        let mac = try #require(example.stored(Example.registered)[.mac])
        let key = "latchkey:record:{R7MHCgA7bVutv6}"
        #expect(
            write(Example.registered) == [
                ["HINCRBY", key, "version", "1"],
                [
                    "HSET", key, "organization", "acme", "owner", "alice", "state", "none", "mac",
                    mac,
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
            ]
        )
    }

    @Test func `a new key with grace is written with the previous one`() throws {
        let mac = try #require(example.stored(Example.replaced)[.mac])
        let key = "latchkey:record:{R7MHCgA7bVutv6}"
        let commands = write(Example.replaced)
        #expect(
            commands[1] == [
                "HSET", key, "organization", "acme", "owner", "alice", "state", "active",
                "verifier", String(repeating: "22", count: 24), "created_at", "1790000000000",
                "created_by", "alice", "previous_verifier", String(repeating: "11", count: 24),
                "previous_until", "1790000600000", "mac", mac,
            ]
        )
        #expect(commands[2] == ["HDEL", key, "expires_at", "revoked_at"])
    }

    @Test func `a revocation leaves no verifier`() {
        let commands = write(Example.revoked)
        #expect(commands[1].contains("revoked_at"))
        for field in ["verifier", "previous_verifier", "previous_until", "expires_at"] {
            #expect(commands[2].contains(field))
            #expect(!commands[1].contains(field))
        }
    }

    @Test func `a record that must not be proven loses its seal, and its version is set`() {
        let commands = RecordWrite(Example.revoked, seal: nil, audit: audit, setsVersion: true)
            .commands.map(\.texts)
        #expect(commands[0][0] == "HSET" && commands[0][2] == "version")
        #expect(!commands[1].contains("mac") && commands[2].contains("mac"))
    }

    @Test func `a write covers every field and never deletes the record`() {
        for record in [Example.registered, Example.active, Example.replaced, Example.revoked] {
            let commands = write(record)
            let touched = commands[0][2...2] + commands[1][2...] + commands[2][2...]
            for field in RecordField.allCases { #expect(touched.contains(field.name)) }
            #expect(commands[2].count > 2)
            #expect(!commands.contains { $0[0] == "DEL" || $0[0] == "UNLINK" })
            #expect(commands.allSatisfy { $0[1].hasSuffix("{R7MHCgA7bVutv6}") })
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
}
