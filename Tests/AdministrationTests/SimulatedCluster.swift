import KeyFormat
import Keyring
import RedisClient
import TestSupport

@testable import Administration

/// Three simulated primaries of a cluster, each with a replica that is not simulated, and what they say of each other.
final class SimulatedCluster: ClusterServers {
    static let configuration = "cluster://10.0.0.1,10.0.0.2,10.0.0.3"

    /// A slot whose keys are being moved.
    struct Move {
        let source: Int
        let target: Int
    }

    let clock: SimulatedClock

    /// A fourth one holds nothing until it takes over.
    let servers: [SimulatedStore]

    /// Who holds which slots, as each server says: by thirds, but for that of the membership list, unless a test says
    /// otherwise.
    var owners: [[Int]]
    var moves: [Slot: Move] = [:]

    /// Whom a former primary follows.
    private var successors: [Int: Int] = [:]

    /// Epochs of the servers.
    var epochs = [1, 2, 3, 0]

    /// Servers of whose epoch the others have not heard.
    var untold: Set<Int> = []

    /// Servers that have lost sight of most others.
    var isolated: Set<Int> = []

    /// Number of replicas that each server lists for each primary.
    var replicas = 1

    /// Number of times that all servers were asked.
    private(set) var questions = 0

    private var asking: Set<Int> = []

    /// - Parameter primaries: How many hold slots.
    init(_ clock: SimulatedClock, primaries: Int = 3) {
        self.clock = clock
        servers = (0..<4).map { number in
            let server = SimulatedStore(clock)
            server.replicationID = "r\(number + 1)"
            (server.replicas, server.prompt) = (1, 1)
            server.addresses = [number + 11]
            return server
        }
        var thirds = (0..<Slot.count).map { $0 * primaries / Slot.count }
        // Not where acme's record is.
        thirds[Place.membership.slot!.number] = 0
        owners = (0..<4).map { _ in thirds }
        for (number, server) in servers.enumerated() {
            server.turnAway = { [weak self] words in self?.reply(words, at: number) }
        }
    }

    func number(_ endpoint: Endpoint) -> Int {
        (1...4).first { endpoint.description == "10.0.0.\($0):6379" }.map { $0 - 1 } ?? 0
    }

    func endpoint(_ number: Int) -> Endpoint { .tcp(host: "10.0.0.\(number + 1)", port: 6379) }

    func ask(_ endpoints: [Endpoint], _ commands: [RedisCommand])
        -> [Result<[RedisReply], StoreConnection.Fault>]
    {
        questions += 1
        return endpoints.map { endpoint in
            let server = servers[number(endpoint)]
            return server.isDown
                ? .failure(.unreachable("it is down")) : .success(server.answer(commands))
        }
    }

    // MARK: - What happens to it

    /// All servers say that one holds a slot.
    func give(_ slot: Slot, to server: Int) {
        for view in owners.indices { owners[view][slot.number] = server }
        epochs[server] = (epochs.max() ?? 0) + 1
    }

    /// Moves a slot with its keys.
    func move(_ slot: Slot, to target: Int) {
        let source = owners[0][slot.number]
        for (key, fields) in servers[source].hashes where Slot(ofKey: Array(key.utf8)) == slot {
            servers[target].hashes[key] = fields
            servers[source].hashes[key] = nil
        }
        give(slot, to: target)
    }

    /// Another server takes over all slots of one, with its records unless it lacks the last ones.
    func failOver(_ former: Int, to other: Int, isUpToDate: Bool = true) {
        if isUpToDate { servers[other].hashes = servers[former].hashes }
        for view in owners.indices {
            owners[view] = owners[view].map { $0 == former ? other : $0 }
        }
        epochs[other] = (epochs.max() ?? 0) + 1
        follow(former, other)
    }

    /// A former primary becomes a replica of the one that has taken over.
    private func follow(_ former: Int, _ other: Int) {
        successors[former] = other
        servers[other].formerID = servers[former].replicationID
        (servers[other].replicas, servers[other].prompt) = (2, 2)
        servers[other].addresses = [other + 11, former + 1]
    }

    /// A former primary has not heard yet that another one has taken over.
    func leaveBehind(_ former: Int) {
        guard let other = successors.removeValue(forKey: former) else { return }
        (servers[other].replicas, servers[other].prompt) = (1, 1)
    }

    // MARK: - Replies

    func reply(_ words: [String], at server: Int) -> RedisReply? {
        if words[0] == "ASKING" {
            asking.insert(server)
            return .status(bytes("OK"))
        }
        if words == ["CLUSTER", "NODES"] { return .bulk(bytes(table(of: server))) }
        guard let slot = slot(of: words) else { return nil }
        let isAsking = asking.remove(server) != nil
        if isolated.contains(server) { return error("CLUSTERDOWN The cluster is down") }
        let move = moves[slot]
        if let move, move.target == server, isAsking { return nil }
        let owner = owners[server][slot.number]
        guard owner == server else { return error("MOVED \(slot) \(endpoint(owner))") }
        if let move, move.source == server, !exists(words[1], at: server) {
            return error("ASK \(slot) \(endpoint(move.target))")
        }
        return nil
    }

    private func slot(of words: [String]) -> Slot? {
        guard words.count > 1, words[1].hasPrefix("latchkey:") else { return nil }
        return Slot(ofKey: Array(words[1].utf8))
    }

    /// An audit is where its record is.
    private func exists(_ key: String, at server: Int) -> Bool {
        let record = key.replacing("latchkey:audit:", with: "latchkey:record:")
        return servers[server].hashes[record] != nil
    }

    private func table(of server: Int) -> String {
        let ranges = ranges(owners[server])
        var lines: [String] = []
        for number in 0..<4 {
            let held = ranges[number, default: []]
            let own = number == server ? "myself," : ""
            let place = "10.0.0.\(number + 1):6379@16379"
            let follows = successors[number].map { held.isEmpty ? "slave \(id($0))" : nil } ?? nil
            let role = servers[number].isDown ? "master,fail -" : follows ?? "master -"
            // As Redis does: a replica's is that of its primary.
            let holder = follows != nil ? successors[number] ?? number : number
            let epoch = holder != server && untold.contains(holder) ? 0 : epochs[holder]
            var words = "\(id(number)) \(place) \(own)\(role) 0 0 \(epoch) connected"
            for range in held { words += " \(range)" }
            if number == server {
                for (slot, move) in moves where move.source == server {
                    words += " [\(slot)->-\(id(move.target))]"
                }
                for (slot, move) in moves where move.target == server {
                    words += " [\(slot)-<-\(id(move.source))]"
                }
            }
            lines.append(words)
            guard !held.isEmpty else { continue }
            for replica in 0..<replicas {
                let place = "10.0.0.\(number + 11 + 10 * replica):6379@16379"
                lines.append(
                    "\(id(number + 10 + 10 * replica)) \(place) slave \(id(number)) 0 0 0 connected"
                )
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The ranges of slots that each server holds. Loops of another form take minutes in a build that is not optimized.
    private func ranges(_ view: [Int]) -> [Int: [String]] {
        var ranges: [Int: [String]] = [:]
        var first = 0
        while first < view.count {
            var end = first + 1
            while end < view.count, view[end] == view[first] { end += 1 }
            ranges[view[first], default: []].append(
                end == first + 1 ? "\(first)" : "\(first)-\(end - 1)"
            )
            first = end
        }
        return ranges
    }

    private func id(_ number: Int) -> String {
        String(repeating: "e", count: 38) + (number < 10 ? "0\(number)" : "\(number)")
    }

    private func error(_ text: String) -> RedisReply { .error(bytes(text)) }

    private func bytes(_ text: String) -> ArraySlice<UInt8> { Array(text.utf8)[...] }
}

/// A simulated cluster with alice's organization acme and its key.
struct SimulatedClusterDeployment: AdministeredStore {
    let clock: SimulatedClock
    let cluster: SimulatedCluster
    let store: ClusterStore
    let administration: AdministrationContext
    private let makeAdministration: (String) -> AdministrationContext

    /// - Parameter isHandedOver: Whether the terms of all servers were handed over to the membership list.
    init(_ directives: [Directive] = [], isHandedOver: Bool = true) throws {
        let clock = SimulatedClock()
        let cluster = SimulatedCluster(clock)
        let topology = Directive(
            name: "latchkey_store",
            values: [SimulatedCluster.configuration]
        )
        let configuration = try Configuration([topology] + directives)
        let store = ClusterStore(
            seeds: configuration.topology.endpoints,
            servers: cluster,
            clock: clock
        ) { cluster.servers[cluster.number($0)] }
        let peppers = try PepperRing(contents: PepperRing.makeContents())
        var generator = SplitMix64(seed: 1)
        func who(_ account: String) -> AdministrationContext {
            AdministrationContext(
                configuration,
                caller: Caller(account: Principal(account)!, as: nil, operators: ["root"]),
                peppers: peppers,
                channel: store,
                clock: clock,
                makeSignalID: { SignalID(at: $0, using: &generator) }
            )
        }
        (self.clock, self.cluster, self.store) = (clock, cluster, store)
        (administration, makeAdministration) = (who("alice"), who)
        _ = try who("root").organizations.add(Installation.acme, owner: Installation.alice)
        _ = try administration.keys.generate(for: Installation.acme, policy: .none)
        var list = ["generation": "g1", "checksum": "0"]
        if isHandedOver {
            for number in 0..<3 { list[termField(number)] = "9999999999999999999:0" }
        }
        listServer.hashes[SimulatedInstallation.members] = list
        for server in cluster.servers { server.signals = [] }
    }

    /// The services for an account.
    func administration(of account: String) -> AdministrationContext { makeAdministration(account) }

    /// The field of the list that says that a server's term was handed over to it.
    func termField(_ number: Int) -> String {
        let id = cluster.servers[number].replicationID
        return number == lister ? "term:\(id):g1" : "term:\(id)@\(listServer.replicationID):g1"
    }

    /// The slot of acme's record, and the number of its server.
    var slot: Slot { Place.record(Installation.acme.locator).slot! }
    var holder: Int { cluster.owners[0][slot.number] }

    /// The server of acme's record.
    var recordServer: SimulatedStore { cluster.servers[holder] }

    /// The number of the server of the membership list.
    var lister: Int { cluster.owners[0][Place.membership.slot!.number] }
    var listServer: SimulatedStore { cluster.servers[lister] }

    /// A primary that has neither.
    var other: Int { (0..<3).first { $0 != holder && $0 != lister }! }

    /// The Redis key of acme's record.
    var record: String { "latchkey:record:{\(Installation.acme.locator)}" }

    /// Registers a worker.
    @discardableResult
    func worker(_ number: UInt64, lease: UInt64 = 1000) -> Member {
        let member = StandInWorker.member(number, lease: lease)
        listServer.carryOut(MembershipCommands.join(member))
        return member
    }
}
