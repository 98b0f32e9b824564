import RedisClient
import TestSupport

/// A sentinel: it says where it believes the primary to be.
final class ModelSentinel: ModelListener {
    /// What it knows of the primary.
    struct View {
        var epoch: Int
        var primary: Endpoint
    }

    /// What it does while it conducts a failover.
    enum Conduct {
        case none
        /// It has begun, and no replica is known to have been promoted.
        case begun
        /// It knows the promoted replica, and has not told all servers yet.
        case promoted(Endpoint)
    }

    /// What it has last seen of a replica.
    struct Sight {
        let isDown: Bool
        /// Whom the replica follows; `nil` if it says that it is a primary.
        let leader: Endpoint?
        let isLinkUp: Bool
        let offset: Int
    }

    private final class Connection {
        let wire: Wire
        var reader = CommandReader()

        init(_ wire: Wire) { self.wire = wire }
    }

    let number: Int
    let endpoint: Endpoint
    private let timeline: Timeline
    private(set) var condition = ModelRedis.Condition.running
    private var connections: [Connection] = []

    private(set) var view: View
    private(set) var conduct = Conduct.none

    /// Whether it believes that the primary is down.
    var isPrimaryDown = false

    /// Until when it hears nothing from other sentinels.
    private(set) var deafUntil: Nanoseconds = 0

    /// The servers that it knows beside the primary.
    private let servers: [Endpoint]

    /// What it sees of a server.
    var sight: (Endpoint) -> Sight? = { _ in nil }

    /// Called when it names another primary.
    var onNaming: () -> Void = {}

    init(_ number: Int, _ timeline: Timeline, servers: [Endpoint], at endpoint: Endpoint) {
        self.number = number
        self.timeline = timeline
        self.servers = servers
        self.endpoint = endpoint
        view = View(epoch: 1, primary: servers[0])
    }

    /// Where it tells clients that the primary is.
    var named: Endpoint {
        if case .promoted(let endpoint) = conduct { endpoint } else { view.primary }
    }
}

extension ModelSentinel: CustomStringConvertible {
    var description: String { "sentinel \(number)" }
}

// MARK: - What it knows

extension ModelSentinel {
    func beginFailover() { conduct = .begun }

    func abortFailover() { conduct = .none }

    /// It has seen that the replica is a primary. Its report still has the former address, with the new epoch.
    func notePromotion(of replica: Endpoint, epoch: Int) {
        view.epoch = epoch
        conduct = .promoted(replica)
        timeline.log("\(self) names \(replica), epoch \(epoch)")
        onNaming()
    }

    func endFailover() {
        if case .promoted(let endpoint) = conduct { view.primary = endpoint }
        conduct = .none
        isPrimaryDown = false
    }

    /// Hears of a primary from another sentinel. An older epoch is ignored.
    func hear(_ primary: Endpoint, epoch: Int) {
        guard epoch > view.epoch else { return }
        view = View(epoch: epoch, primary: primary)
        conduct = .none
        isPrimaryDown = false
        timeline.log("\(self) hears of \(primary), epoch \(epoch)")
        onNaming()
    }

    /// Hears nothing for a while.
    func turnDeaf(for span: Nanoseconds) { deafUntil = max(deafUntil, timeline.now + span) }
}

// MARK: - The process

extension ModelSentinel {
    func pause() { if condition == .running { condition = .paused } }

    func resume() {
        guard condition == .paused else { return }
        condition = .running
        wake()
    }

    /// Ends all faults of the sentinel.
    func recover() {
        deafUntil = 0
        resume()
    }
}

// MARK: - Connections

extension ModelSentinel {
    func accept(_ wire: Wire) {
        connections.append(Connection(wire))
        wire.up.onArrival = { [unowned self] in wake() }
        wake()
    }

    func drop(_ wire: Wire) {
        connections.removeAll { $0.wire === wire }
        wire.up.abandon()
    }

    private func wake() {
        timeline.after(timeline.chance.number(1000...50_000)) { [self] in
            if condition == .running { connections.forEach(serve) }
        }
    }

    private func serve(_ connection: Connection) {
        let wire = connection.wire
        connection.reader.feed(wire.up.read())
        var output: [UInt8] = []
        while let command = (try? connection.reader.next()) ?? nil {
            timeline.log("\(self): \(wire.client): \(command.prefix(3))")
            reply(to: command).append(to: &output)
        }
        if !output.isEmpty { wire.down.send(output) }
        guard wire.up.hasEnded else { return }
        connections.removeAll { $0 === connection }
        wire.closeByServer()
    }
}

// MARK: - Commands

extension ModelSentinel {
    private func reply(to command: [String]) -> Reply {
        switch (command[0], command.dropFirst().first?.uppercased()) {
        case ("AUTH", _), ("CLIENT", _): .ok
        case ("PING", nil): .status("PONG")
        case ("PING", _): .bulk(command[1])
        case ("SENTINEL", "GET-MASTER-ADDR-BY-NAME"): Self.address(named)
        case ("SENTINEL", "MASTER"): report
        case ("SENTINEL", "REPLICAS"), ("SENTINEL", "SLAVES"): .array(replicas.map(replica))
        case ("SENTINEL", "SENTINELS"): .array([])
        default: .error("ERR unknown command '\(command[0])'")
        }
    }

    private var replicas: [Endpoint] { servers.filter { $0 != view.primary } }

    private static func address(_ endpoint: Endpoint) -> Reply {
        guard case .tcp(let host, let port) = endpoint else { return .array(nil) }
        return .array([.bulk(host), .bulk(String(port))])
    }

    private var report: Reply {
        var flags = isPrimaryDown ? ["s_down", "o_down", "master"] : ["master"]
        if case .none = conduct {} else { flags.append("failover_in_progress") }
        return Self.report(
            view.primary,
            [
                ("flags", flags.joined(separator: ",")),
                ("num-slaves", String(replicas.count)), ("num-other-sentinels", "2"),
                ("quorum", "2"), ("config-epoch", String(view.epoch)),
            ]
        )
    }

    /// A replica is never forgotten, reachable or not.
    private func replica(_ endpoint: Endpoint) -> Reply {
        let sight = sight(endpoint)
        let isDown = sight?.isDown ?? false
        let isLinkUp = sight?.isLinkUp ?? true
        var fields = [
            ("flags", isDown ? "s_down,slave" : "slave"),
            ("role-reported", sight != nil && sight?.leader == nil ? "master" : "slave"),
            ("master-link-status", isLinkUp ? "ok" : "err"),
        ]
        if case .tcp(let host, let port)? = sight?.leader {
            fields += [("master-host", host), ("master-port", String(port))]
        }
        return Self.report(
            endpoint,
            fields + [
                ("slave-priority", "100"), ("slave-repl-offset", String(sight?.offset ?? 0)),
                ("replica-announced", "1"),
            ]
        )
    }

    private static func report(_ endpoint: Endpoint, _ fields: [(String, String)]) -> Reply {
        guard case .tcp(let host, let port) = endpoint else { return .array(nil) }
        let all = [("name", "main"), ("ip", host), ("port", String(port))] + fields
        return .array(all.flatMap { [.bulk($0.0), .bulk($0.1)] })
    }
}
