/// What a server of a cluster knows of all servers and slots. Each learns on its own, and late.
final class ModelSeat {
    /// The number of its server.
    let number: Int
    unowned let server: ModelRedis
    unowned let cluster: ModelCluster

    /// Who holds each slot.
    var holders = ModelHolders(shardCount: ModelCluster.shardCount)

    /// Whom each server follows; `nil` for a primary.
    var leaders: [Int?]

    /// The configuration epoch of each server: the claim of the higher one counts.
    var epochs: [Int]

    /// The servers that a majority of the primaries takes to have failed.
    var failing: Set<Int> = []

    /// The slots that it gives to another server, and that it gets from one.
    var migrating: [Int: Int] = [:]
    var importing: [Int: Int] = [:]

    /// Whether it has not reached most primaries for too long.
    var isMinority = false

    init(_ number: Int, _ server: ModelRedis, _ cluster: ModelCluster) {
        (self.number, self.server, self.cluster) = (number, server, cluster)
        let shards = ModelCluster.shardCount
        leaders = (0..<2 * shards).map { $0 < shards ? nil : $0 - shards }
        epochs = (0..<2 * shards).map { $0 < shards ? $0 + 1 : 0 }
    }

    /// 40 digits.
    var id: String { Self.id(of: number) }

    static func id(of number: Int) -> String { String(repeating: "\(number)", count: 40) }

    /// Whether it answers no command with a key.
    var isDown: Bool {
        if isMinority { return true }
        return cluster.needsFullCoverage && holders.servers.contains(where: failing.contains)
    }

    func holds(_ slot: Int) -> Bool { holders[slot] == number }

    /// Whether it holds any slot.
    private var isHolder: Bool { holders.servers.contains(number) }
}

// MARK: - What it hears

extension ModelSeat {
    /// Hears all that another server says of itself.
    func hear(_ other: ModelSeat) {
        failing.remove(other.number)
        leaders[other.number] = other.leaders[other.number]
        epochs[other.number] = other.epochs[other.number]
        let wasHolder = isHolder
        holders.split(like: other.holders)
        let taken = holders.parts(with: other.holders).filter {
            other.holders[$0] == other.number && epochs[holders[$0]] < epochs[other.number]
        }
        let lost = taken.filter { holders[$0] == number }
        for part in taken { holders[part] = other.number }
        migrating = migrating.filter { holds($0.key) }
        let isFollowerOfNone = leaders[number].map { !holders.servers.contains($0) } ?? false
        if wasHolder && !isHolder || isFollowerOfNone { return follow(other) }
        guard !lost.isEmpty else { return }
        server.deleteKeys(tells: cluster.tellsOfLostKeys) { slot in
            lost.contains { holders.contains(slot, in: $0) }
        }
    }

    /// Whether a slot that another takes for that of a server is held by a newer one.
    func knowsBetter(than other: ModelSeat, of number: Int) -> Bool {
        other.holders.parts(with: holders).contains {
            other.holders[$0] == number && other.epochs[number] < epochs[holders[$0]]
        }
    }

    private func follow(_ other: ModelSeat) {
        let leader = other.leaders[other.number] ?? other.number
        guard leader != number else { return }
        leaders[number] = leader
        server.follow(cluster.servers[leader], killsClients: false)
        cluster.spread(number)
    }
}

// MARK: - Redirections

extension ModelSeat {
    /// Why a command is not carried out here; `nil` if it is.
    func redirection(of command: [String], _ session: Session) -> String? {
        let keys: [String] =
            command[0] == "EXEC"
            ? (session.transaction?.commands ?? []).flatMap { ModelSlots.keys(of: $0) }
            : Array(ModelSlots.keys(of: command))
        guard let first = keys.first else { return nil }
        let slot = ModelSlots.slot(of: first)
        guard keys.allSatisfy({ ModelSlots.slot(of: $0) == slot }) else {
            return "CROSSSLOT Keys in request don't hash to the same slot"
        }
        if isDown { return "CLUSTERDOWN The cluster is down" }
        let missing = keys.count { !server.data.exists($0) }
        if holds(slot), leaders[number] == nil {
            guard let target = migrating[slot], missing > 0 else { return nil }
            // Redis before 8 asks to ask even where a part of the keys is here.
            guard cluster.hasThreads, missing < keys.count else {
                return "ASK \(slot) \(place(of: target))"
            }
            return Self.tryAgain
        }
        if importing[slot] != nil, session.isAsking {
            return Set(keys).count > 1 && missing > 0 ? Self.tryAgain : nil
        }
        return "MOVED \(slot) \(place(of: holders[slot]))"
    }

    private static let tryAgain = "TRYAGAIN Multiple keys request during rehashing of slot"

    private func place(of number: Int) -> String {
        cluster.servers[number].endpoint.description
    }
}

// MARK: - CLUSTER

extension ModelSeat {
    func reply(to command: [String]) -> Reply {
        switch command.dropFirst().first?.uppercased() {
        case "SLOTS": .array(holders.runs.map(describe))
        case "NODES": .bulk(cluster.servers.indices.map { "\(line(of: $0))\n" }.joined())
        case "MYID": .bulk(id)
        case "INFO":
            .bulk(
                "cluster_enabled:1\r\ncluster_state:\(isDown ? "fail" : "ok")\r\n"
                    + "cluster_slots_assigned:\(ModelSlots.count)\r\n"
                    + "cluster_current_epoch:\(epochs.max() ?? 0)\r\n"
                    + "cluster_my_epoch:\(epochs[leaders[number] ?? number])\r\n"
            )
        default: .error("ERR unknown subcommand")
        }
    }

    private func describe(_ run: (slots: ClosedRange<Int>, holder: Int)) -> Reply {
        let replicas = leaders.indices.filter {
            leaders[$0] == run.holder && !failing.contains($0)
        }
        return .array(
            [.integer(run.slots.lowerBound), .integer(run.slots.upperBound)]
                + ([run.holder] + replicas).map(describe)
        )
    }

    private func describe(_ number: Int) -> Reply {
        guard case .tcp(let host, let port) = cluster.servers[number].endpoint else {
            return .array(nil)
        }
        return .array([
            .bulk(host), .integer(Int(port)), .bulk(Self.id(of: number)), .array([]),
        ])
    }

    private func line(of other: Int) -> String {
        var flags = other == number ? ["myself"] : []
        flags.append(leaders[other] == nil ? "master" : "slave")
        if failing.contains(other) { flags.append("fail") }
        let link =
            other == number || cluster.isConnected(number, other) ? "connected" : "disconnected"
        let words = [
            Self.id(of: other), "\(place(of: other))@16379", flags.joined(separator: ","),
            leaders[other].map(Self.id) ?? "-", "0", "0", "\(epochs[leaders[other] ?? other])",
            link,
        ]
        return (words + slots(of: other)).joined(separator: " ")
    }

    private func slots(of other: Int) -> [String] {
        let held = holders.runs.filter { $0.holder == other }.map {
            $0.slots.count == 1
                ? "\($0.slots.lowerBound)" : "\($0.slots.lowerBound)-\($0.slots.upperBound)"
        }
        guard other == number else { return held }
        return held
            + migrating.sorted { $0.key < $1.key }.map { "[\($0.key)->-\(Self.id(of: $0.value))]" }
            + importing.sorted { $0.key < $1.key }.map { "[\($0.key)-<-\(Self.id(of: $0.value))]" }
    }
}
