import RedisClient

/// All connections between the clients and the store, and their faults.
final class Network {
    private let timeline: Timeline
    private let store: ModelRedis
    private let latency: Latency

    /// Whether connections are made within the call that requests them, as with a local socket.
    private let isLocal: Bool

    private var wires: [Wire] = []
    private var partitions: [Client: Nanoseconds] = [:]

    init(_ timeline: Timeline, _ store: ModelRedis, _ latency: Latency, isLocal: Bool) {
        self.timeline = timeline
        self.store = store
        self.latency = latency
        self.isLocal = isLocal
    }

    /// Begins to connect. The outcome is reported as an arrival.
    func connect(_ client: Client) -> Wire {
        wires.removeAll { $0.state == .closed || $0.state == .refused }
        let wire = Wire(client, timeline, latency)
        wires.append(wire)
        guard partitions[client, default: 0] <= timeline.now else { return wire }
        if isLocal {
            arrive(wire)
        } else {
            timeline.after(latency.delay(&timeline.chance)) { [self] in arrive(wire) }
        }
        return wire
    }

    private func arrive(_ wire: Wire) {
        guard wire.state == .connecting else { return }
        if store.condition == .down {
            wire.state = .refused
        } else {
            wire.state = .open
            store.accept(wire)
        }
        wire.down.onArrival()
    }
}

// MARK: - Strangers

extension Network {
    /// Connects as a stranger, sends commands, and disconnects.
    func send(_ commands: [RedisCommand]) {
        var bytes: [UInt8] = []
        for command in commands { RESPEncoder.append(command, to: &bytes) }
        let wire = connect(.stranger)
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
            timeline.after(delay) { [store] in store.drop(wire) }
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
        let breaks = timeline.chance.percent(50)
        for wire in wires where wire.client == client && wire.state == .open {
            for pipe in [wire.up, wire.down] {
                if breaks { pipe.breakOff() } else { pipe.hold(until: end) }
            }
        }
    }

    /// Ends all faults of the network. Broken connections stay broken.
    func heal() {
        latency.isCalm = true
        partitions = [:]
    }
}
