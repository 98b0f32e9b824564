import Keyring
import RedisClient

@testable import Administration

/// The executable's connection to the store. The world runs while it waits.
final class SimulatedChannel: StoreChannel {
    private static func settings(_ endpoint: Endpoint?) -> LinkSettings {
        LinkSettings(
            endpoint: endpoint ?? .unix(path: "/simulated"),
            database: 0,
            credentials: nil,
            timeoutMilliseconds: 5000
        )
    }

    private let client: Client
    private let clock: MachineClock
    private let timeline: Timeline
    private let network: Network
    private let endpoint: Endpoint?
    private var link: RedisLink
    private var wire: Wire?

    /// - Parameter endpoint: `nil` where there is one server alone.
    init(
        _ client: Client,
        _ clock: MachineClock,
        _ timeline: Timeline,
        _ network: Network,
        to endpoint: Endpoint? = nil
    ) {
        self.endpoint = endpoint
        link = RedisLink(Self.settings(endpoint))
        self.client = client
        self.clock = clock
        self.timeline = timeline
        self.network = network
    }

    deinit { wire?.close() }

    var isReady: Bool { link.isReady }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if onSameConnection, !link.isReady { throw .unreachable("not connected") }
        while !link.isReady {
            if case .lost(let failure, _) = try nextEvent() { throw .unreachable("\(failure)") }
        }
        for (index, command) in commands.enumerated() {
            guard link.send(command, tag: CommandTag(number: UInt64(index)), now: now) else {
                throw .interrupted("no memory")
            }
        }
        var replies = [RedisReply?](repeating: nil, count: commands.count)
        while replies.contains(where: { $0 == nil }) {
            switch try nextEvent() {
            case .reply(let tag, let reply): replies[Int(tag.number)] = reply
            case .lost(let failure, _): throw .interrupted("\(failure)")
            case .ready, .invalidated: break
            }
        }
        return replies.compactMap { $0 }
    }

    func renew() {
        wire?.close()
        wire = nil
        link = RedisLink(Self.settings(endpoint))
    }

    private var now: MonotonicTime { clock.reading(at: timeline.now).monotonic }

    private func nextEvent() throws(StoreConnection.Fault) -> RedisLink.Event {
        while true {
            if let event = link.nextEvent() { return event }
            guard !timeline.isOver else { throw .interrupted("the world is over") }
            link.tick(now)
            switch link.nextOrder() {
            case .open: wire = network.connect(client, to: endpoint)
            case .close:
                wire?.close()
                wire = nil
            case .write, nil: exchange()
            }
        }
    }

    /// Exchanges bytes: runs the world until something arrives or the link's deadline.
    private func exchange() {
        let end = clock.time(of: link.deadline)
        guard let wire else { return timeline.run(until: end) }
        switch wire.state {
        case .connecting: timeline.run(until: end) { wire.state != .connecting }
        case .refused: lose()
        case .open, .closed:
            link.opened(now)
            write(to: wire)
            timeline.run(until: end) { wire.down.hasArrivals }
            wire.down.read().withUnsafeBytes { link.received($0, now) }
            if wire.down.hasEnded { lose() }
        }
    }

    private func write(to wire: Wire) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = buffer.withUnsafeMutableBytes({ link.drainOutput(into: $0) }),
            count > 0
        {
            output += buffer.prefix(count)
        }
        if !output.isEmpty { wire.up.send(output) }
    }

    private func lose() {
        wire?.close()
        wire = nil
        link.closed(now)
    }
}

/// Connections to several servers, which end in the order in which they began.
final class SimulatedChannels {
    private let make: (Endpoint) -> SimulatedChannel
    private var channels: [SimulatedChannel] = []

    init(_ make: @escaping (Endpoint) -> SimulatedChannel) { self.make = make }

    deinit { for channel in channels { channel.renew() } }

    func connect(_ endpoint: Endpoint) -> SimulatedChannel {
        let channel = make(endpoint)
        channels.append(channel)
        return channel
    }
}

/// The clock of the administrator's machine. The world runs while it sleeps.
struct SimulatedClock: BlockingClock {
    let clock: MachineClock
    let timeline: Timeline

    var bootID: String { clock.bootID }

    /// Once the world is over no time passes, and nobody waits any longer.
    var monotonic: MonotonicTime {
        timeline.isOver ? .never : clock.reading(at: timeline.now).monotonic
    }

    var unix: UnixTime { clock.reading(at: timeline.now).unix }

    func sleep(until moment: MonotonicTime) { timeline.run(until: clock.time(of: moment)) }
}
