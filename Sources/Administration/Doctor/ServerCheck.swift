import KeyFormat
import Keyring
import RedisClient

/// Whether one server can hold the records, keeps what it has confirmed, and lets both programs work.
struct ServerCheck {
    /// Beyond this difference, times are shown wrong and keys expire at the wrong time.
    private static let clockMillisecondsMax: Int64 = 2000

    private let configuration: Configuration
    private let connection: StoreConnection
    private let before: UnixTime
    private let after: UnixTime
    private let replies: [RedisReply]

    /// Asks the server.
    ///
    /// - Throws: An error if it does not answer.
    init(_ configuration: Configuration, _ connection: StoreConnection) throws(AdministrationError)
    {
        self.configuration = configuration
        self.connection = connection
        before = SystemClock.unixTime()
        let commands = [RedisCommand("TIME"), RedisCommand("INFO")] + StoreSettings.commands
        replies = try translatingStoreFault(try connection.execute(commands))
        after = SystemClock.unixTime()
    }

    /// What the server reports of itself; `nil` if it does not.
    var information: StoreInformation? { StoreInformation(replies[1]) }

    /// - Parameter standing: What is found of its place among other servers.
    func findings(_ standing: (StoreInformation) -> [Finding]) -> [Finding] {
        CertificateCheck.findings(of: connection.certificates)
            + [clock(Self.time(replies[0]))]
            + information(standing)
            + durability(settings)
            + PermissionCheck(configuration, connection).findings
            + ExcessPermissionCheck(configuration, connection).findings
    }

    /// What is found at one of several servers. All that is in order takes one line.
    ///
    /// - Parameter role: What it is.
    func findings(
        at address: Endpoint,
        as role: String,
        _ standing: (StoreInformation) -> [Finding]
    ) -> [Finding] {
        let findings = findings(standing)
        let passed = findings.count { $0.level == .ok }
        let line = Finding.ok("store.server", "\(role); \(Counted(passed, "check")) passed")
        return ([line] + findings.filter { $0.level != .ok }).map { $0.at(address) }
    }

    /// Its configuration, as far as this user may read it.
    var settings: StoreSettings { StoreSettings(replies.dropFirst(2)) }

    /// Parses the reply to TIME: seconds and microseconds.
    private static func time(_ reply: RedisReply) -> UnixTime? {
        guard case .array(let parts) = reply, parts.count == 2, case .bulk(let seconds) = parts[0],
            case .bulk(let microseconds) = parts[1],
            let seconds = Int64(String(decoding: seconds, as: UTF8.self)),
            let microseconds = Int64(String(decoding: microseconds, as: UTF8.self)),
            (0...Int64(Int32.max) * 1000).contains(seconds)
        else { return nil }
        return UnixTime(milliseconds: seconds * 1000 + microseconds / 1000)
    }

    private func clock(_ time: UnixTime?) -> Finding {
        guard let time else {
            return .fault(
                "clock",
                "the store does not report its time",
                "allow +time: docs/ACCESS.md"
            )
        }
        let behind = before.milliseconds - time.milliseconds
        let ahead = time.milliseconds - after.milliseconds
        let difference = max(behind, ahead, 0)
        guard difference <= Self.clockMillisecondsMax else {
            return .fault(
                "clock",
                "the clocks of this host and of the store are \(difference) ms apart",
                "synchronize both with a time server (chrony, systemd-timesyncd)"
            )
        }
        return .ok("clock", "the store's clock agrees with this one")
    }

    private func information(_ standing: (StoreInformation) -> [Finding]) -> [Finding] {
        guard let information else {
            let reason = replies[1].failure?.message ?? "unexpected reply"
            return [
                .fault(
                    "store.information",
                    "the store does not report its state: \(reason)",
                    "allow +info: docs/ACCESS.md"
                )
            ]
        }
        return [version(information)] + standing(information)
            + [disk(information), memory(information)]
    }

    private func version(_ information: StoreInformation) -> Finding {
        let version = information["redis_version"] ?? "unknown"
        guard information.isNewEnough == true, !isCluster || !information.isOlder(than: (7, 0))
        else {
            let oldest = isCluster ? "7.0" : "6.2"
            return .fault(
                "store.version",
                "Redis \(version) is too old",
                "install \(oldest) or newer"
            )
        }
        return .ok("store.version", "Redis \(version)")
    }

    private var isCluster: Bool { configuration.topology.isCluster }

    private func durability(_ settings: StoreSettings) -> [Finding] {
        guard let information else { return [] }
        let check = DurabilityCheck(
            information,
            settings,
            hasReplicas: configuration.topology.hasFailover
        )
        return check.findings
            + (check.isFileKept ? RestartCheck(connection, information).findings : [])
    }

    private func disk(_ information: StoreInformation) -> Finding {
        let names = [
            "aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status",
        ]
        if let failed = names.first(where: { information[$0] == "err" }) {
            return .fault(
                "store.disk",
                "it failed to write to its disk (\(failed))",
                "check its log and its disk"
            )
        }
        if information["loading"] == "1" {
            return .fault(
                "store.disk",
                "it is still loading its data",
                "wait, then run latchkey doctor again"
            )
        }
        return .ok("store.disk", "its last writes to disk succeeded")
    }

    private func memory(_ information: StoreInformation) -> Finding {
        let policy = information["maxmemory_policy"] ?? "unknown"
        guard policy == "noeviction" else {
            return .fault(
                "store.memory",
                "it evicts keys when memory runs out (\(policy)): organizations would lose their records",
                "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"
            )
        }
        if let most = information.number("maxmemory"), most > 0,
            let used = information.number("used_memory"), used > most / 10 * 9
        {
            return .fault(
                "store.memory",
                "more than 90% of its memory is used: it will soon refuse changes",
                "raise maxmemory"
            )
        }
        return .ok("store.memory", "it evicts no keys when memory runs out")
    }
}
