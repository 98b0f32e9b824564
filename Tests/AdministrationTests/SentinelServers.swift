import Glibc
import KeyFormat
import Keyring
import RedisClient

@testable import Administration

/// A real primary with two replicas, and three real sentinels, on ports of the loopback interface.
final class SentinelServers: RealServers {
    static let name = "main"

    let processes: ServerProcesses
    let servers: [Endpoint]
    let sentinels: [Endpoint]

    init() throws {
        let ports = try ServerProcesses.freePorts(6)
        servers = ports[..<3].map { .tcp(host: "127.0.0.1", port: $0) }
        sentinels = ports[3...].map { .tcp(host: "127.0.0.1", port: $0) }
        processes = try ServerProcesses(6) { number, home in
            let isServer = number < 3
            let lines =
                isServer
                ? Self.server(ports[number], ports[0], home)
                : Self.sentinel(ports[number], ports, home)
            try ServerProcesses.write(lines, to: "\(home)/conf")
            return isServer ? [] : ["--sentinel"]
        }
        try wait { try self.isWhole() }
    }

    /// All sentinels.
    var url: String {
        "sentinel://\(sentinels.map(\.description).joined(separator: ","))/\(Self.name)"
    }

    /// A command at one server or sentinel.
    @discardableResult
    func ask(_ endpoint: Endpoint, _ words: String...) throws -> RedisReply {
        try ask(endpoint, words)
    }

    /// Which server a sentinel names.
    func named() throws -> Endpoint? {
        PrimaryAddress.endpoint(
            try ask(sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.name)
        )
    }

    /// Stops a server or a sentinel until ``thaw(_:)``, so that it does not reply.
    func freeze(_ endpoint: Endpoint) { number(of: endpoint).map(processes.freeze) }

    func thaw(_ endpoint: Endpoint) { number(of: endpoint).map(processes.thaw) }

    private func number(of endpoint: Endpoint) -> Int? {
        (servers + sentinels).firstIndex(of: endpoint)
    }

    /// Whether all know each other, and nothing is wrong with anyone.
    func isWhole() throws -> Bool {
        try sentinels.allSatisfy { sentinel in
            let primary = SentinelReport(try ask(sentinel, "SENTINEL", "MASTER", Self.name))
            let replicas =
                SentinelReport.list(try ask(sentinel, "SENTINEL", "REPLICAS", Self.name)) ?? []
            return primary?["flags"] == "master" && primary?["num-other-sentinels"] == "2"
                && replicas.count { $0["flags"] == "slave" && $0["master-link-status"] == "ok" }
                    == 2
        }
    }

    private static func server(_ port: UInt16, _ first: UInt16, _ home: String) -> [String] {
        [
            "port \(port)", "bind 127.0.0.1", "dir \(home)", "logfile \(home)/log", "save \"\"",
            "appendonly yes", "appendfsync always", "repl-diskless-sync-delay 0",
        ] + (port == first ? [] : ["replicaof 127.0.0.1 \(first)"])
    }

    private static func sentinel(_ port: UInt16, _ ports: [UInt16], _ home: String) -> [String] {
        let own = id(port)
        return [
            "port \(port)", "bind 127.0.0.1", "dir \(home)", "logfile \(home)/log",
            "sentinel myid \(own)", "sentinel monitor \(name) 127.0.0.1 \(ports[0]) 2",
            "sentinel down-after-milliseconds \(name) 500",
            "sentinel failover-timeout \(name) 3000",
        ] + ports[1..<3].map { "sentinel known-replica \(name) 127.0.0.1 \($0)" }
            + ports[3...].filter { $0 != port }
            .map { "sentinel known-sentinel \(name) 127.0.0.1 \($0) \(id($0))" }
    }

    private static func id(_ port: UInt16) -> String {
        let digits = String(port)
        return String(repeating: "a", count: 40 - digits.count) + digits
    }
}
