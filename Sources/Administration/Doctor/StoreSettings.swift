import RedisClient

/// The configuration of the store that decides whether confirmed changes last, as far as this user may
/// read it: `CONFIG GET` also shows passwords.
struct StoreSettings {
    private static let names = [
        "appendfsync", "no-appendfsync-on-rewrite", "save", "stop-writes-on-bgsave-error",
        "repl-backlog-ttl", "min-replicas-to-write", "cluster-allow-reads-when-down",
        "cluster-node-timeout",
        "cluster-require-full-coverage", "cluster-replica-no-failover",
    ]

    /// A command for each setting: Redis 6.2 accepts one name at a time.
    static var commands: [RedisCommand] {
        names.map { RedisCommand("CONFIG", "GET", .text($0)) }
    }

    private var values: [String: String] = [:]

    /// - Parameter replies: The replies to ``commands``. A refused or unknown setting has no value.
    init(_ replies: some Sequence<RedisReply>) {
        for case .array(let pair) in replies where pair.count == 2 {
            guard case .bulk(let name) = pair[0], case .bulk(let value) = pair[1] else { continue }
            values[String(decoding: name, as: UTF8.self)] = RedisError.printable(value)
        }
    }

    subscript(name: String) -> String? { values[name] }
}
