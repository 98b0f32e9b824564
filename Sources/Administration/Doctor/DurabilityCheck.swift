import RedisClient

/// Which confirmed changes a restart of the store can undo, and what keeps it from accepting more.
struct DurabilityCheck {
    private let information: StoreInformation
    private let settings: StoreSettings
    private let hasReplicas: Bool

    /// - Parameter hasReplicas: Whether replicas copy from the primary: what that loses at a restart is then
    ///   lost by all.
    init(_ information: StoreInformation, _ settings: StoreSettings, hasReplicas: Bool = false) {
        self.information = information
        self.settings = settings
        self.hasReplicas = hasReplicas
    }

    var findings: [Finding] {
        let file = isFileKept ? [fileIsKept, synchronization, rewriting] : [noFile]
        return (file + [failedSnapshots, fewReplicas, backlog]).compactMap { $0 }
    }

    /// Whether changes are written to an append-only file.
    var isFileKept: Bool { information["aof_enabled"] == "1" }

    private var fileIsKept: Finding {
        .ok("store.persistence", "it writes every change to its append-only file")
    }

    private var noFile: Finding {
        let loss =
            switch settings["save"] {
            case "": "it writes nothing to its disk: a restart undoes every change since its start"
            case nil: "it keeps no append-only file: a crash undoes every change since a snapshot"
            default: "it writes only snapshots: a crash undoes every change since the last one"
            }
        let writes = Counted(information.number("rdb_changes_since_last_save") ?? 0, "write")
        return .fault(
            "store.persistence",
            "\(loss) (\(writes) so far), and brings revoked keys back",
            "redis-cli CONFIG SET appendonly yes, and only then the same in redis.conf: "
                + "docs/OPERATIONS.md"
        )
    }

    private static let lossOfAll =
        "a primary that restarts before others notice undoes the last changes at all servers"

    private var synchronization: Finding {
        let check = "store.fsync"
        let loss =
            "a crash can undo the changes of its last two seconds, even those that ended with exit "
            + "code 0"
        switch settings["appendfsync"] {
        case "always":
            return .ok(check, "every change is on disk before it is confirmed: appendfsync always")
        case "no":
            return .fault(
                check,
                "the operating system decides when changes reach the disk (appendfsync no): a crash "
                    + "of the host can undo those of half a minute, even those that ended with exit "
                    + "code 0",
                Self.remedy("appendfsync always")
            )
        case nil:
            let unread =
                hasReplicas
                ? "appendfsync, no-appendfsync-on-rewrite and repl-backlog-ttl"
                : "appendfsync and no-appendfsync-on-rewrite"
            return .note(
                check,
                "this user may not read \(unread): with everysec, Redis' default, "
                    + (hasReplicas ? Self.lossOfAll : loss),
                "as Redis' administrator: redis-cli CONFIG GET '*append*'"
                    + (hasReplicas ? " and CONFIG GET repl-backlog-ttl" : "")
                    + ", and compare docs/OPERATIONS.md"
            )
        case _ where hasReplicas:
            return .fault(
                check,
                "changes reach the disk once a second (appendfsync everysec): \(Self.lossOfAll)",
                Self.remedy("appendfsync always")
            )
        default:
            return .note(
                check,
                "changes reach the disk once a second (appendfsync everysec): \(loss)",
                Self.remedy("appendfsync always")
            )
        }
    }

    /// Also with `appendfsync always`.
    private var rewriting: Finding? {
        guard settings["no-appendfsync-on-rewrite"] == "yes" else { return nil }
        return .fault(
            "store.rewrite",
            "while it rewrites its file or writes a snapshot, no change is forced to disk "
                + "(no-appendfsync-on-rewrite yes): a crash of the host can undo all of them, even "
                + "those that ended with exit code 0",
            Self.remedy("no-appendfsync-on-rewrite no")
        )
    }

    private var failedSnapshots: Finding? {
        guard settings["stop-writes-on-bgsave-error"] == "yes",
            let snapshots = settings["save"], !snapshots.isEmpty
        else { return nil }
        return .note(
            "store.snapshots",
            "after a snapshot that failed it refuses every change, revocations included "
                + "(stop-writes-on-bgsave-error yes)",
            Self.remedy("stop-writes-on-bgsave-error no") + "; store.disk reports failed snapshots"
        )
    }

    private var fewReplicas: Finding? {
        guard let count = settings["min-replicas-to-write"], count != "0" else { return nil }
        return .note(
            "store.minimum",
            "with fewer than \(count) linked replicas it refuses every change, revocations included "
                + "(min-replicas-to-write)",
            Self.remedy("min-replicas-to-write 0")
                + "; Latchkey itself makes a change wait for its copies: latchkey_copies"
        )
    }

    /// Without a backlog, a primary keeps its replication ID.
    private var backlog: Finding? {
        guard information["repl_backlog_active"] == "1", let seconds = settings["repl-backlog-ttl"],
            seconds != "0"
        else { return nil }
        return .note(
            "store.backlog",
            "\(seconds) seconds after its last replica has left, it changes its replication ID "
                + "(repl-backlog-ttl): the next change waits for a lease and grace",
            Self.remedy("repl-backlog-ttl 0")
        )
    }

    private static func remedy(_ setting: String) -> String {
        "redis-cli CONFIG SET \(setting), and the same in redis.conf"
    }
}
