import RedisClient

/// All connections between the clients and the store, and their faults.
final class Network {
    private let timeline: Timeline
    private let listeners: [Endpoint: any ModelListener]
    private let standard: any ModelListener
    private let latency: Latency

    /// Whether connections are made within the call that requests them, as with a local socket.
    private let isLocal: Bool

    private var wires: [Wire] = []
    private var partitions: [Client: Nanoseconds] = [:]
    private var rifts: [NetworkRift] = []

    /// - Parameter listeners: All that clients may connect to. Where there is one alone, each connection leads to it.
    init(
        _ timeline: Timeline,
        _ listeners: [any ModelListener],
        _ latency: Latency,
        isLocal: Bool
    ) {
        self.timeline = timeline
        standard = listeners[0]
        self.listeners = Dictionary(uniqueKeysWithValues: listeners.map { ($0.endpoint, $0) })
        self.latency = latency
        self.isLocal = isLocal
    }

    /// Begins to connect. The outcome is reported as an arrival.
    ///
    /// - Parameter endpoint: `nil` where there is one server alone.
    func connect(_ client: Client, to endpoint: Endpoint? = nil) -> Wire {
        wires.removeAll { $0.state == .closed || $0.state == .refused }
        let listener = listener(at: endpoint)
        let wire = Wire(client, timeline, latency, to: listener?.endpoint)
        wires.append(wire)
        guard partitions[client, default: 0] <= timeline.now, !isHidden(wire) else { return wire }
        if isLocal {
            arrive(wire, at: listener)
        } else {
            timeline.after(latency.delay(&timeline.chance)) { [self] in arrive(wire, at: listener) }
        }
        return wire
    }

    private func listener(at endpoint: Endpoint?) -> (any ModelListener)? {
        guard listeners.count > 1, let endpoint else { return standard }
        return listeners[endpoint]
    }

    private func isHidden(_ wire: Wire) -> Bool {
        guard let endpoint = wire.endpoint else { return false }
        return rifts.contains { timeline.now < $0.until && $0.hides(endpoint, from: wire.client) }
    }

    private func arrive(_ wire: Wire, at listener: (any ModelListener)?) {
        guard wire.state == .connecting else { return }
        if let listener, listener.condition != .down {
            wire.state = .open
            listener.accept(wire)
        } else {
            wire.state = .refused
        }
        wire.down.onArrival()
    }
}

// MARK: - Strangers

extension Network {
    /// Connects as a stranger, sends commands, and disconnects.
    func send(_ commands: [RedisCommand], to endpoint: Endpoint? = nil) {
        var bytes: [UInt8] = []
        for command in commands { RESPEncoder.append(command, to: &bytes) }
        let wire = connect(.stranger, to: endpoint)
        wire.down.onArrival = {
            if wire.state == .open { wire.up.send(bytes) }
            wire.close()
        }
        if wire.state != .connecting { wire.down.onArrival() }
    }
}

// MARK: - Faults

extension Network {
    /// A random open connection, of one client or of all.
    func wire(of client: Client? = nil) -> Wire? {
        let open = wires.filter { $0.state == .open && (client == nil || $0.client == client) }
        return timeline.chance.element(of: open)
    }

    /// Delays the bytes of one direction, as retransmissions do.
    func stall(_ wire: Wire, for span: Nanoseconds) {
        let pipe = timeline.chance.percent(50) ? wire.up : wire.down
        pipe.hold(until: timeline.now + span)
    }

    /// Silently drops all further bytes of one direction, or of both.
    func halfOpen(_ wire: Wire) {
        let kind = timeline.chance.number(0...2)
        if kind != 0 { wire.up.breakOff() }
        if kind != 1 { wire.down.breakOff() }
    }

    /// Cuts a connection. Each end notices at once, late, or never.
    func cut(_ wire: Wire, within span: Nanoseconds) {
        if let delay = noticeDelay(span) {
            let listener = listener(at: wire.endpoint)
            timeline.after(delay) { listener?.drop(wire) }
        }
        wire.up.breakOff()
        guard let delay = noticeDelay(span) else { return wire.down.breakOff() }
        wire.down.hold(until: timeline.now + delay)
        wire.down.end()
    }

    private func noticeDelay(_ span: Nanoseconds) -> Nanoseconds? {
        switch timeline.chance.number(0...3) {
        case 0: nil
        case 1: timeline.chance.span(mean: span)
        default: 0
        }
    }

    /// Separates a client from the store for a while. Bytes in between arrive after that, or the
    /// connections break silently.
    func part(_ client: Client, for span: Nanoseconds) {
        let end = timeline.now + span
        partitions[client] = end
        separate(until: end) { $0.client == client }
    }

    /// Opens a rift, and breaks or delays what goes through it.
    func open(_ rift: NetworkRift) {
        add(rift)
        separate(until: rift.until) { self.isHidden($0) }
    }

    /// Opens a rift. What goes through it goes on: only new connections are not made.
    func add(_ rift: NetworkRift) {
        rifts.removeAll { $0.until <= timeline.now }
        rifts.append(rift)
    }

    /// Whether two servers or sentinels reach each other.
    func reaches(_ one: any ModelListener, _ other: any ModelListener) -> Bool {
        !rifts.contains {
            timeline.now < $0.until && $0.separates(one.endpoint, from: other.endpoint)
        }
    }

    /// The open connections of a client to some listeners.
    func wires(of client: Client, to listeners: [any ModelListener]) -> [Wire] {
        let endpoints = Set(listeners.map(\.endpoint))
        return wires.filter {
            $0.state == .open && $0.client == client && $0.endpoint.map(endpoints.contains) ?? false
        }
    }

    private func separate(until end: Nanoseconds, _ isConcerned: (Wire) -> Bool) {
        let breaks = timeline.chance.percent(50)
        for wire in wires where wire.state == .open && isConcerned(wire) {
            for pipe in [wire.up, wire.down] {
                if breaks { pipe.breakOff() } else { pipe.hold(until: end) }
            }
        }
    }

    /// Ends all faults of the network. Broken connections stay broken.
    func heal() {
        latency.isCalm = true
        partitions = [:]
        rifts = []
    }
}

/// What listens for connections: a server or a sentinel.
protocol ModelListener: AnyObject {
    var endpoint: Endpoint { get }
    var condition: ModelRedis.Condition { get }

    /// Accepts a connection.
    func accept(_ wire: Wire)

    /// Drops a connection without notifying the client.
    func drop(_ wire: Wire)
}
