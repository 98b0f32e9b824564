import Glibc
import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// A real cluster on ports of the loopback interface: three primaries, and a replica of each.
final class RealCluster: Sendable {
    private let temporary = TemporaryFolder()
    private let processes: [pid_t]

    /// The primaries, and then the replica of each.
    let servers: [Endpoint]

    init() throws {
        let ports = try ServerProcesses.freePorts(12)
        let folder = temporary.path
        servers = ports[..<6].map { .tcp(host: "127.0.0.1", port: $0) }
        var processes: [pid_t] = []
        for number in 0..<6 {
            let home = "\(folder)/\(number)"
            mkdir(home, 0o700)
            let lines = Self.configuration(ports[number], ports[number + 6], home)
            try ServerProcesses.write(lines, to: "\(home)/conf")
            try ServerProcesses.write(Self.nodes(ports, seenBy: number), to: "\(home)/nodes.conf")
            processes.append(try ServerProcesses.spawn(["redis-server", "\(home)/conf"]))
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

    /// A configuration that names two of the servers, and a pepper.
    func configuration(_ directives: [Directive] = []) throws -> Configuration {
        let pepper = "\(temporary.path)/pepper"
        if access(pepper, F_OK) != 0 {
            var file = try NewFile(pepper, mode: 0o600)
            try PepperRing.makeContents().withSpan { contents throws(AdministrationError) in
                try file.commit(contents)
            }
        }
        return try Configuration(
            [
                Directive(
                    name: "latchkey_store",
                    values: ["cluster://\(servers[0]),\(servers[4])"]
                ),
                Directive(name: "latchkey_pepper_file", values: [pepper]),
                Directive(name: "latchkey_lease", values: ["100ms"]),
            ] + directives
        )
    }

    /// A command at one server.
    @discardableResult
    func ask(_ number: Int, _ words: String...) throws -> RedisReply {
        let connection = StoreConnection(at: servers[number], credentials: nil)
        return try connection.execute([RedisCommand(words.map { .text($0) })])[0]
    }

    /// What a server says of the cluster.
    func table(of number: Int) throws -> ClusterTable {
        try ClusterTable(try ask(number, "CLUSTER", "NODES"), from: servers[number])
    }

    /// The number of the server that holds a slot.
    func holder(of slot: Slot) throws -> Int? {
        try table(of: 0).primary(of: slot).flatMap { servers.firstIndex(of: $0.node.address) }
    }

    /// Moves a slot with its keys, as redis-cli does.
    func move(_ slot: Slot, to target: Int) throws {
        guard let source = try holder(of: slot), source != target else { return }
        try begin(slot, from: source, to: target)
        try moveKeys(of: slot, from: source, to: target)
        // A server that hears of others' moves in between may take it back for a moment.
        try wait {
            let dissenting = try (0..<3).filter {
                try table(of: $0).primary(of: slot)?.node.address != servers[target]
            }
            for number in [target, source] + dissenting where dissenting.contains(number) {
                try ask(number, "CLUSTER", "SETSLOT", "\(slot)", "NODE", Self.id(target))
            }
            return dissenting.isEmpty
        }
    }

    /// Begins to move a slot.
    func begin(_ slot: Slot, from source: Int, to target: Int) throws {
        try ask(target, "CLUSTER", "SETSLOT", "\(slot)", "IMPORTING", Self.id(source))
        try ask(source, "CLUSTER", "SETSLOT", "\(slot)", "MIGRATING", Self.id(target))
    }

    /// Moves the keys of a slot that is being moved.
    func moveKeys(of slot: Slot, from source: Int, to target: Int) throws {
        guard case .tcp(let host, let port) = servers[target] else { return }
        while let keys = try ask(source, "CLUSTER", "GETKEYSINSLOT", "\(slot)", "100").array,
            !keys.isEmpty
        {
            for key in keys {
                try ask(source, "MIGRATE", host, "\(port)", key.string, "0", "5000")
            }
        }
    }

    /// Ends a move that was begun, with the slot where it was.
    func stabilize(_ slot: Slot) throws {
        for number in 0..<3 { try ask(number, "CLUSTER", "SETSLOT", "\(slot)", "STABLE") }
    }

    /// Stops a server until ``thaw(_:)``, so that it does not reply.
    func freeze(_ number: Int) { kill(processes[number], SIGSTOP) }

    func thaw(_ number: Int) { kill(processes[number], SIGCONT) }

    func wait(_ condition: () throws -> Bool) throws {
        let deadline = SystemClock.monotonicTime().advanced(byMilliseconds: 60_000)
        while (try? condition()) != true {
            guard SystemClock.monotonicTime() < deadline else { throw ServerProcesses.NotStarted() }
            usleep(20_000)
        }
    }

    /// Whether all know each other, and replicas follow their primaries.
    func isWhole() throws -> Bool {
        for number in 0..<6 {
            guard try ask(number, "CLUSTER", "INFO").string.contains("cluster_state:ok"),
                try table(of: number).servers.allSatisfy({ !$0.isDown })
            else { return false }
            let information = StoreInformation(try ask(number, "INFO", "replication"))
            guard information?["master_link_status"] ?? "up" == "up" else { return false }
            if number < 3, information?["connected_slaves"] != "1" { return false }
        }
        return true
    }

    private static func configuration(_ port: UInt16, _ bus: UInt16, _ home: String) -> [String] {
        [
            "port \(port)", "cluster-port \(bus)", "bind 127.0.0.1", "dir \(home)",
            "logfile \(home)/log", "save \"\"", "appendonly yes", "appendfsync always",
            "repl-diskless-sync-delay 0", "cluster-enabled yes", "cluster-config-file nodes.conf",
            "cluster-node-timeout 2000", "cluster-require-full-coverage no",
        ]
    }

    /// The file that a server would have written once it knew all others.
    private static func nodes(_ ports: [UInt16], seenBy own: Int) -> [String] {
        let thirds = ["0-5460", "5461-10922", "10923-16383"]
        return (0..<6).map { number in
            let place = "127.0.0.1:\(ports[number])@\(ports[number + 6])"
            let myself = number == own ? "myself," : ""
            let role = number < 3 ? "master -" : "slave \(id(number - 3))"
            let slots = number < 3 ? thirds[number] : ""
            return
                "\(id(number)) \(place) \(myself)\(role) 0 0 \(number % 3 + 1) connected \(slots)"
        } + ["vars currentEpoch 3 lastVoteEpoch 0"]
    }

    private static func id(_ number: Int) -> String {
        String(repeating: "c", count: 39) + "\(number)"
    }
}
