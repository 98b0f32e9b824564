import Glibc
import KeyFormat
import Keyring
import RedisClient

@testable import Administration

/// A real cluster on ports of the loopback interface: three primaries, and a replica of each.
final class RealCluster: RealServers {
    let processes: ServerProcesses

    /// The primaries, and then the replica of each.
    let servers: [Endpoint]

    init() throws {
        let ports = try ServerProcesses.freePorts(12)
        servers = ports[..<6].map { .tcp(host: "127.0.0.1", port: $0) }
        processes = try ServerProcesses(6) { number, home in
            let lines = Self.configuration(ports[number], ports[number + 6], home)
            try ServerProcesses.write(lines, to: "\(home)/conf")
            try ServerProcesses.write(Self.nodes(ports, seenBy: number), to: "\(home)/nodes.conf")
            return []
        }
        try wait { try self.isWhole() }
    }

    /// Two of the servers.
    var url: String { "cluster://\(servers[0]),\(servers[4])" }

    /// A command at one server.
    @discardableResult
    func ask(_ number: Int, _ words: String...) throws -> RedisReply {
        try ask(servers[number], words)
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
