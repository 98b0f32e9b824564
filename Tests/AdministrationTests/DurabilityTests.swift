import RedisClient
import Testing

@testable import Administration

/// What the doctor says about a store whose restart can undo confirmed changes.
struct DurabilityTests {
    private static func bulk(_ text: String) -> RedisReply { .bulk(Array(text.utf8)[...]) }

    private static let sound = [
        "appendfsync": "always", "no-appendfsync-on-rewrite": "no", "save": "3600 1",
        "stop-writes-on-bgsave-error": "no", "repl-backlog-ttl": "0", "min-replicas-to-write": "0",
    ]

    /// Settings as Redis reports them: those of a sound store, or others.
    private func settings(_ others: [String: String] = [:]) -> StoreSettings {
        let all = Self.sound.merging(others) { $1 }
        return StoreSettings(all.map { .array([Self.bulk($0.key), Self.bulk($0.value)]) })
    }

    private let refused = StoreSettings([
        .error(Array("NOPERM this user has no permissions".utf8)[...])
    ])

    /// The levels and texts of all findings but those that are fine.
    private func findings(_ settings: StoreSettings, with lines: String = "") throws
        -> [String: (level: Finding.Level, text: String, remedy: String)]
    {
        let text = "aof_enabled:1\r\nrdb_changes_since_last_save:7\r\n" + lines
        let information = try #require(StoreInformation(Self.bulk(text)))
        let findings = DurabilityCheck(information, settings).findings.filter { $0.level != .ok }
        return Dictionary(
            uniqueKeysWithValues: findings.map { ($0.check, ($0.level, $0.text, $0.remedy ?? "")) }
        )
    }

    @Test func `a store that loses nothing has no finding`() throws {
        #expect(try findings(settings()).isEmpty)
        #expect(try findings(settings(), with: "repl_backlog_active:1\r\n").isEmpty)
    }

    @Test(arguments: [
        ("appendfsync", "everysec", "store.fsync", Finding.Level.note, "last two seconds"),
        ("appendfsync", "no", "store.fsync", .fault, "half a minute"),
        ("no-appendfsync-on-rewrite", "yes", "store.rewrite", .fault, "while it rewrites its file"),
        ("min-replicas-to-write", "1", "store.minimum", .note, "revocations included"),
        ("stop-writes-on-bgsave-error", "yes", "store.snapshots", .note, "revocations included"),
    ])
    func `a setting that costs something is named with its price and its remedy`(
        setting: String,
        value: String,
        check: String,
        level: Finding.Level,
        price: String
    ) throws {
        let found = try findings(settings([setting: value]))
        #expect(Array(found.keys) == [check])
        #expect(found[check]?.level == level)
        #expect(found[check]?.text.contains(price) == true)
        let remedy = Self.sound[setting]!
        #expect(found[check]?.remedy.contains("redis-cli CONFIG SET \(setting) \(remedy)") == true)
    }

    @Test func `snapshots that are never made stop no writes`() throws {
        let none = settings(["save": "", "stop-writes-on-bgsave-error": "yes"])
        #expect(try findings(none).isEmpty)
    }

    @Test func `a replication ID that will change is reported if there was a replica`() throws {
        let hour = settings(["repl-backlog-ttl": "3600"])
        #expect(try findings(hour, with: "repl_backlog_active:0\r\n").isEmpty)
        let found = try findings(hour, with: "repl_backlog_active:1\r\n")
        #expect(found["store.backlog"]?.text.hasPrefix("3600 seconds") == true)
    }

    @Test func `what the user may not read is said`() throws {
        let found = try findings(refused)
        #expect(Array(found.keys) == ["store.fsync"])
        #expect(found["store.fsync"]?.text.contains("may not read appendfsync") == true)
        #expect(found["store.fsync"]?.text.contains("everysec") == true)
    }

    @Test(arguments: [
        ("", "it writes nothing to its disk"), ("3600 1 300 100", "it writes only snapshots"),
        (nil, "it keeps no append-only file"),
    ])
    func `without an append-only file it is said what a restart undoes`(save: String?, text: String)
        throws
    {
        let known = save.map { settings(["save": $0]) } ?? refused
        let found = try findings(known, with: "aof_enabled:0\r\n")
        let finding = try #require(found["store.persistence"])
        #expect(finding.level == .fault)
        #expect(finding.text.hasPrefix(text))
        #expect(finding.text.contains("7 writes so far"))
    }

    @Test func `settings are read from replies of any kind`() {
        let replies: [RedisReply] = [
            .null, .integer(1), .array([]), .array([Self.bulk("save")]),
            .array([Self.bulk("a"), .null]), .array([.null, Self.bulk("b")]),
            .array([Self.bulk("appendfsync"), Self.bulk("\u{1b}[31m")]),
        ]
        #expect(StoreSettings(replies)["appendfsync"] == "?[31m")
        #expect(StoreSettings(replies)["save"] == nil)
    }
}
