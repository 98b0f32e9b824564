import KeyFormat
import Keyring
import RedisClient

/// Whether the store can be reached, and whether what it has confirmed will last.
struct StoreCheck {
    /// Clocks that are further apart show wrong times, and let keys expire at others.
    private static let clockMillisecondsMax: Int64 = 2000

    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    var findings: [Finding] {
        let connection: StoreConnection
        let replies: [RedisReply]
        let before = SystemClock.unixTime()
        do throws(AdministrationError) {
            connection = try StoreConnection(admin: configuration, refusesOld: false)
            do throws(StoreConnection.Fault) {
                replies = try connection.execute([
                    RedisCommand("TIME"), RedisCommand("INFO"),
                    RedisCommand("CONFIG", "GET", "appendfsync"),
                ])
            } catch {
                throw AdministrationError(error)
            }
        } catch {
            return [
                .fault(
                    "store.reachable",
                    error.message,
                    "see that Redis runs there, and that user and password are right"
                )
            ]
        }
        let clock = SuspectMembers.time(replies[0])
        return [.ok("store.reachable", "\(configuration.topology.endpoints[0]) answers")]
            + [self.clock(clock, before, SystemClock.unixTime())]
            + information(replies[1]) + durability(connection, replies[1], replies[2])
            + PermissionCheck(configuration, connection).findings
            + ExcessPermissionCheck(configuration).findings
            + MembershipCheck(configuration, connection, clock: clock).findings
            + RecordCheck(configuration, connection).findings
            + PepperCheck(configuration, connection).findings
    }

    private func clock(_ time: UnixTime?, _ before: UnixTime, _ after: UnixTime) -> Finding {
        guard let time else {
            return .fault(
                "clock",
                "the store does not tell its time",
                "allow +time: docs/ACCESS.md"
            )
        }
        let behind = before.milliseconds - time.milliseconds
        let ahead = time.milliseconds - after.milliseconds
        let difference = max(behind, ahead, 0)
        guard difference <= Self.clockMillisecondsMax else {
            return .fault(
                "clock",
                "the clocks of this machine and of the store are \(difference) ms apart",
                "let both follow a time server (chrony, systemd-timesyncd)"
            )
        }
        return .ok("clock", "the store's clock agrees with this one")
    }

    private func information(_ reply: RedisReply) -> [Finding] {
        guard let information = StoreInformation(reply) else {
            let reason = reply.failure?.message ?? "it answers with something else"
            return [
                .fault(
                    "store.information",
                    "the store does not tell about itself: \(reason)",
                    "allow +info: docs/ACCESS.md"
                )
            ]
        }
        return [
            version(information), role(information), replicas(information),
            persistence(information), disk(information), memory(information),
        ]
    }

    private func version(_ information: StoreInformation) -> Finding {
        let version = information["redis_version"] ?? "unknown"
        return information.isNewEnough == true
            ? .ok("store.version", "Redis \(version)")
            : .fault("store.version", "Redis \(version) is too old", "install 6.2 or newer")
    }

    private func role(_ information: StoreInformation) -> Finding {
        information["role"] == "master"
            ? .ok("store.role", "it is no replica")
            : .fault(
                "store.role",
                "it is a replica: changes cannot be written, or not to where they last",
                "name the master in latchkey_store"
            )
    }

    private func replicas(_ information: StoreInformation) -> Finding {
        let count = information.number("connected_slaves") ?? 0
        return count == 0
            ? .ok("store.replicas", "it has no replicas")
            : .note(
                "store.replicas",
                "it has \(Counted(count, "replica")): where one takes over, the last changes can be lost",
                "after that, revoke once more what was revoked shortly before"
            )
    }

    private func persistence(_ information: StoreInformation) -> Finding {
        information["aof_enabled"] == "1"
            ? .ok("store.persistence", "it writes changes to its disk as they come")
            : .fault(
                "store.persistence",
                "it does not write changes to its disk as they come: a crash brings revoked keys back",
                "redis-cli CONFIG SET appendonly yes, and only then the same in redis.conf: "
                    + "docs/OPERATIONS.md"
            )
    }

    /// What there is to say of an append-only file.
    private func durability(
        _ connection: StoreConnection,
        _ information: RedisReply,
        _ synchronization: RedisReply
    ) -> [Finding] {
        guard let information = StoreInformation(information), information["aof_enabled"] == "1"
        else { return [] }
        return [self.synchronization(synchronization)]
            + RestartCheck(connection, information).findings
    }

    /// How soon changes are on the disk. No right lets a user see that and no passwords.
    private func synchronization(_ reply: RedisReply) -> Finding {
        let check = "store.fsync"
        let remedy = "appendfsync always, where that is too much"
        guard case .array(let pair) = reply, pair.count == 2, case .bulk(let text) = pair[1] else {
            return .note(
                check,
                "it does not tell this user when it synchronizes its disk: with appendfsync everysec, "
                    + "Redis' default, a crash can undo the changes of the last second",
                remedy
            )
        }
        switch String(decoding: text, as: UTF8.self) {
        case "always": return .ok(check, "each change is on its disk: appendfsync always")
        case "no":
            return .fault(
                check,
                "it leaves it to the system when changes are on the disk: a crash of the machine "
                    + "brings keys back that were revoked half a minute before",
                "appendfsync everysec, or always"
            )
        default:
            return .note(
                check,
                "its disk is synchronized each second: a crash can undo the changes of the last",
                remedy
            )
        }
    }

    private func disk(_ information: StoreInformation) -> Finding {
        let names = [
            "aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status",
        ]
        if let failed = names.first(where: { information[$0] == "err" }) {
            return .fault(
                "store.disk",
                "it could not write to its disk (\(failed))",
                "look at its log and its disk"
            )
        }
        if information["loading"] == "1" {
            return .fault("store.disk", "it is still loading its data", "wait, then look again")
        }
        return .ok("store.disk", "its last writes to the disk succeeded")
    }

    private func memory(_ information: StoreInformation) -> Finding {
        let policy = information["maxmemory_policy"] ?? "unknown"
        guard policy == "noeviction" else {
            return .fault(
                "store.memory",
                "it gives up keys when memory is short (\(policy)): organizations would lose theirs",
                "maxmemory-policy noeviction"
            )
        }
        if let most = information.number("maxmemory"), most > 0,
            let used = information.number("used_memory"), used > most / 10 * 9
        {
            return .fault(
                "store.memory",
                "nine tenths of its memory are used: it will refuse changes",
                "raise maxmemory"
            )
        }
        return .ok("store.memory", "it gives up no keys when memory is short")
    }
}
