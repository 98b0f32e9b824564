import Glibc
import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// A real primary with two replicas, and three real sentinels, on ports of the loopback interface.
final class SentinelServers: Sendable {
    struct NotStarted: Error {}

    static let name = "main"

    private let temporary = TemporaryFolder()
    private let processes: [pid_t]
    let servers: [Endpoint]
    let sentinels: [Endpoint]

    init() throws {
        let ports = try ServerProcesses.freePorts(6)
        let folder = temporary.path
        servers = ports[..<3].map { .tcp(host: "127.0.0.1", port: $0) }
        sentinels = ports[3...].map { .tcp(host: "127.0.0.1", port: $0) }
        var processes: [pid_t] = []
        for (number, port) in ports.enumerated() {
            let home = "\(folder)/\(number)"
            mkdir(home, 0o700)
            let lines =
                number < 3 ? Self.server(port, ports[0], home) : Self.sentinel(port, ports, home)
            try ServerProcesses.write(lines, to: "\(home)/conf")
            processes.append(
                try ServerProcesses.spawn(
                    ["redis-server", "\(home)/conf"] + (number < 3 ? [] : ["--sentinel"])
                )
            )
        }
        self.processes = processes
        try wait { try self.isWhole() }
    }

    deinit {
        for process in processes {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    /// A configuration that names the sentinels, and a pepper.
    func configuration(_ directives: [Directive] = []) throws -> Configuration {
        let hosts = sentinels.map(\.description).joined(separator: ",")
        let pepper = "\(temporary.path)/pepper"
        if access(pepper, F_OK) != 0 {
            var file = try NewFile(pepper, mode: 0o600)
            try PepperRing.makeContents().withSpan { contents throws(AdministrationError) in
                try file.commit(contents)
            }
        }
        return try Configuration(
            [
                Directive(name: "latchkey_store", values: ["sentinel://\(hosts)/\(Self.name)"]),
                Directive(name: "latchkey_pepper_file", values: [pepper]),
                Directive(name: "latchkey_lease", values: ["100ms"]),
            ] + directives
        )
    }

    /// A command at one server or sentinel.
    @discardableResult
    func ask(_ endpoint: Endpoint, _ words: String...) throws -> RedisReply {
        let connection = StoreConnection(at: endpoint, credentials: nil)
        return try connection.execute([RedisCommand(words.map { .text($0) })])[0]
    }

    /// Which server a sentinel names.
    func named() throws -> Endpoint? {
        PrimaryAddress.endpoint(
            try ask(sentinels[0], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", Self.name)
        )
    }

    /// Stops a server or a sentinel until ``thaw(_:)``, so that it does not reply.
    func freeze(_ endpoint: Endpoint) { signal(endpoint, SIGSTOP) }

    func thaw(_ endpoint: Endpoint) { signal(endpoint, SIGCONT) }

    private func signal(_ endpoint: Endpoint, _ number: Int32) {
        guard let index = (servers + sentinels).firstIndex(of: endpoint) else { return }
        kill(processes[index], number)
    }

    func wait(_ condition: () throws -> Bool) throws {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 60_000)
        while (try? condition()) != true {
            guard SystemClock.monotonicTime() < deadline else { throw NotStarted() }
            usleep(20_000)
        }
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
