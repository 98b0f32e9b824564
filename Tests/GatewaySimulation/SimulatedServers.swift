import Keyring
import RedisClient

@testable import Administration

/// The executable's connections to servers that it asks at the same time. The world runs while it waits.
final class SimulatedServers: ClusterServers {
    private static let timeoutMilliseconds: UInt64 = 1000

    private let client: Client
    private let clock: MachineClock
    private let timeline: Timeline
    private let network: Network
    private var members: [Member] = []

    init(_ client: Client, _ clock: MachineClock, _ timeline: Timeline, _ network: Network) {
        (self.client, self.clock, self.timeline, self.network) = (client, clock, timeline, network)
    }

    /// Connections end in the order in which they began.
    deinit { for member in members { member.close() } }

    /// What each of them replies, in their order.
    func ask(_ servers: [Endpoint], _ commands: [RedisCommand])
        -> [Result<[RedisReply], StoreConnection.Fault>]
    {
        let members = servers.map(member)
        let deadline = now.advanced(byMilliseconds: Self.timeoutMilliseconds)
        for member in members { member.begin(commands) }
        while !timeline.isOver, now < deadline {
            for member in members { member.advance(now) }
            let pending = members.filter { $0.isPending }
            if !pending.contains(where: { !$0.wasSilent }) { break }
            let end = pending.map { $0.deadline }.reduce(deadline, min)
            timeline.run(until: clock.time(of: end)) { pending.contains { $0.hasNews } }
        }
        return members.map { $0.end() }
    }

    private func member(_ endpoint: Endpoint) -> Member {
        if let member = members.first(where: { $0.endpoint == endpoint }) { return member }
        let member = Member(endpoint) { [network, client] in
            network.connect(client, to: endpoint)
        }
        members.append(member)
        return member
    }

    private var now: MonotonicTime { clock.reading(at: timeline.now).monotonic }
}

/// The executable's connections to the sentinels.
final class SimulatedSentinels: Sentinels {
    private let endpoints: [Endpoint]
    private let servers: SimulatedServers

    init(_ endpoints: [Endpoint], _ servers: SimulatedServers) {
        (self.endpoints, self.servers) = (endpoints, servers)
    }

    func ask(_ commands: [RedisCommand]) -> [Result<[RedisReply], StoreConnection.Fault>] {
        servers.ask(endpoints, commands)
    }
}

extension SimulatedServers {
    /// A connection to one server.
    private final class Member {
        let endpoint: Endpoint
        private let connect: () -> Wire
        private var link: RedisLink
        private var wire: Wire?
        private var unsent: [RedisCommand] = []
        private var replies: [RedisReply?] = []
        private var fault: String?

        /// Whether it did not answer in time when it was last asked.
        private(set) var wasSilent = false

        init(_ endpoint: Endpoint, _ connect: @escaping () -> Wire) {
            (self.endpoint, self.connect) = (endpoint, connect)
            link = Self.link(endpoint)
        }

        func close() {
            wire?.close()
            wire = nil
        }

        private static func link(_ endpoint: Endpoint) -> RedisLink {
            RedisLink(
                LinkSettings(
                    endpoint: endpoint,
                    database: 0,
                    credentials: nil,
                    timeoutMilliseconds: timeoutMilliseconds
                )
            )
        }

        var isPending: Bool { fault == nil && replies.contains { $0 == nil } }
        var deadline: MonotonicTime { link.deadline }

        /// Whether ``advance(_:)`` has something to do.
        var hasNews: Bool {
            wire.map {
                $0.state == .refused || $0.state == .open && ($0.down.hasArrivals || !isOpen)
            }
                ?? false
        }

        private var isOpen = false

        func begin(_ commands: [RedisCommand]) {
            unsent = commands
            replies = commands.map { _ in nil }
            fault = nil
        }

        /// Does what can be done at once.
        func advance(_ now: MonotonicTime) {
            guard isPending else { return }
            link.tick(now)
            while let order = link.nextOrder() { carryOut(order) }
            readWire(now)
            if link.isReady { sendCommands(now) }
            while let event = link.nextEvent() {
                handle(event)
                if link.isReady { sendCommands(now) }
            }
            write()
        }

        private func carryOut(_ order: LinkOrder) {
            switch order {
            case .open: (wire, isOpen) = (connect(), false)
            case .close: close()
            case .write: write()
            }
        }

        private func readWire(_ now: MonotonicTime) {
            guard let wire else { return }
            if wire.state == .refused { return lose(now) }
            guard wire.state == .open else { return }
            if !isOpen {
                isOpen = true
                link.opened(now)
            }
            wire.down.read().withUnsafeBytes { link.received($0, now) }
            if wire.down.hasEnded { lose(now) }
        }

        private func lose(_ now: MonotonicTime) {
            close()
            link.closed(now)
        }

        private func sendCommands(_ now: MonotonicTime) {
            for (index, command) in unsent.enumerated() {
                _ = link.send(command, tag: CommandTag(number: UInt64(index)), now: now)
            }
            unsent = []
        }

        private func handle(_ event: RedisLink.Event) {
            switch event {
            case .reply(let tag, let reply):
                if replies.indices.contains(Int(tag.number)) { replies[Int(tag.number)] = reply }
            case .lost(let failure, _): fault = "\(failure)"
            case .ready, .invalidated: break
            }
        }

        private func write() {
            guard let wire, wire.state == .open else { return }
            var output: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while case let count = buffer.withUnsafeMutableBytes({ link.drainOutput(into: $0) }),
                count > 0
            {
                output += buffer.prefix(count)
            }
            if !output.isEmpty { wire.up.send(output) }
        }

        func end() -> Result<[RedisReply], StoreConnection.Fault> {
            wasSilent = isPending
            guard !isPending, fault == nil else {
                close()
                link = Self.link(endpoint)
                return .failure(.unreachable(fault ?? "the server does not answer"))
            }
            return .success(replies.compactMap { $0 })
        }
    }
}
