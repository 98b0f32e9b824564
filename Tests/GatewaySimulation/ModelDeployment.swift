import RedisClient

/// Servers of which one is the primary, and sentinels that name it.
final class ModelDeployment {
    /// What leads to a failover.
    enum Failover: CaseIterable {
        /// The primary's process ends, and starts again later.
        case crash
        /// It is stopped, and resumed later.
        case pause
        /// An operator orders it: the primary is well.
        case ordered
        /// The other servers and the sentinels do not reach the primary; some clients do.
        case partition
        /// The primary, a sentinel and perhaps a replica do not reach the others. Each client reaches one side.
        case split

        /// Whether the primary goes on, out of the others' sight.
        var cutsOff: Bool { self == .partition || self == .split }
    }

    let timeline: Timeline
    let servers: [ModelRedis]
    let sentinels: [ModelSentinel]
    weak var network: Network?

    /// The server that was promoted last, and the configuration epoch of that.
    var primary: ModelRedis
    var epoch = 1
    var isFailingOver = false

    /// Whether the replica that has got most is promoted. Sentinel looks at priorities first.
    let promotesNewest: Bool

    /// A primary that nobody tells to follow, and that becomes the primary again, as it is; `nil` for none.
    var returning: ModelRedis?

    /// How long it takes until the primary is believed to be down, at most; also how late a sentinel may hear of another.
    let span: Nanoseconds

    /// Called when a server is promoted.
    var onPromotion: (ModelRedis) -> Void = { _ in }

    /// Called when a sentinel names another server.
    var onNaming: () -> Void = {}

    /// When roles or names last changed.
    var changedAt: Nanoseconds = 0

    /// What each sentinel has named, since when.
    private(set) var namings: [[(from: Nanoseconds, primary: Endpoint)]]

    /// - Parameter span: How long things take, at most.
    init(
        _ timeline: Timeline,
        hasThreads: Bool,
        span: Nanoseconds,
        promotesNewest: Bool = false
    ) {
        self.timeline = timeline
        self.span = span
        self.promotesNewest = promotesNewest
        let servers = (1...3).map {
            ModelRedis(
                timeline,
                hasThreads: hasThreads,
                at: .tcp(host: "10.0.0.\($0)", port: 6379),
                isReplicated: true
            )
        }
        self.servers = servers
        sentinels = (1...3).map {
            ModelSentinel(
                $0,
                timeline,
                servers: servers.map(\.endpoint),
                at: .tcp(host: "10.0.1.\($0)", port: 26379)
            )
        }
        primary = servers[0]
        namings = sentinels.map { [(Nanoseconds(0), $0.named)] }
        for (number, sentinel) in sentinels.enumerated() {
            sentinel.sight = { [unowned self, unowned sentinel] in sight(of: $0, by: sentinel) }
            sentinel.onNaming = { [unowned self] in
                namings[number].append((timeline.now, sentinels[number].named))
                changedAt = timeline.now
                onNaming()
            }
        }
        for server in servers {
            server.reaches = { [unowned self, unowned server] in
                network?.reaches($0, server) ?? true
            }
        }
        for server in servers.dropFirst() { server.follow(servers[0], killsClients: false) }
    }

    /// The value of `latchkey_store`.
    var url: String {
        "sentinel://\(sentinels.map(\.endpoint.description).joined(separator: ","))/main"
    }

    var listeners: [any ModelListener] { servers + sentinels }

    /// Whether a majority of the sentinels reaches a server or a sentinel.
    func isReached(_ listener: any ModelListener) -> Bool {
        guard let network else { return true }
        return 2 * sentinels.count { network.reaches($0, listener) } > sentinels.count
    }
}

// MARK: - Names

extension ModelDeployment {
    /// Whether a majority of the sentinels names a server.
    func isNamed(_ server: ModelRedis) -> Bool {
        2 * sentinels.count { $0.named == server.endpoint } > sentinels.count
    }

    /// The spans in which a majority of the sentinels has named a server, not necessarily at once, within the last
    /// while: until then a worker may take its word.
    func trusted(_ server: ModelRedis, for fence: Nanoseconds) -> [ClosedRange<Nanoseconds>] {
        let spans = namings.map { names in
            names.indices.filter { names[$0].primary == server.endpoint }.map { index in
                let end = index + 1 < names.count ? names[index + 1].from + fence : Nanoseconds.max
                return names[index].from...end
            }
        }
        let starts = Set(spans.flatMap { $0 }.map(\.lowerBound)).sorted()
        var trusted: [ClosedRange<Nanoseconds>] = []
        for start in starts {
            let ends = spans.compactMap { list in
                list.filter { $0.contains(start) }.map(\.upperBound).max()
            }.sorted(by: >)
            guard ends.count >= 2 else { continue }
            if let last = trusted.last, start <= last.upperBound {
                trusted[trusted.count - 1] = last.lowerBound...max(last.upperBound, ends[1])
            } else {
                trusted.append(start...ends[1])
            }
        }
        return trusted
    }
}

// MARK: - What sentinels see

extension ModelDeployment {
    func sight(of endpoint: Endpoint, by sentinel: ModelSentinel) -> ModelSentinel.Sight? {
        guard let server = servers.first(where: { $0.endpoint == endpoint }) else { return nil }
        return ModelSentinel.Sight(
            isDown: server.condition != .running || !(network?.reaches(sentinel, server) ?? true),
            leader: server.leader?.endpoint,
            isLinkUp: server.upstream.map { !$0.isBroken } ?? false,
            offset: server.offset
        )
    }
}
