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
    }

    let timeline: Timeline
    let servers: [ModelRedis]
    let sentinels: [ModelSentinel]
    weak var network: Network?

    /// The server that was promoted last, and the configuration epoch of that.
    private(set) var primary: ModelRedis
    private(set) var epoch = 1
    private var isFailingOver = false

    /// Whether the replica that has got most is promoted. Sentinel looks at priorities first.
    let promotesNewest: Bool

    /// Whether an earlier primary is promoted that has not followed since, if there is one.
    let namesAgain: Bool

    /// How long it takes until the primary is believed to be down, at most; also how late a sentinel may hear of another.
    private let span: Nanoseconds

    /// Called when a server is promoted.
    var onPromotion: (ModelRedis) -> Void = { _ in }

    /// Called when a sentinel names another server.
    var onNaming: () -> Void = {}

    /// When roles or names last changed.
    private(set) var changedAt: Nanoseconds = 0

    /// What each sentinel has named, since when.
    private(set) var namings: [[(from: Nanoseconds, primary: Endpoint)]]

    /// - Parameter span: How long things take, at most.
    init(
        _ timeline: Timeline,
        hasThreads: Bool,
        span: Nanoseconds,
        promotesNewest: Bool = false,
        namesAgain: Bool = false
    ) {
        self.namesAgain = namesAgain
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
            sentinel.onNaming = { [unowned self] in
                namings[number].append((timeline.now, sentinels[number].named))
                changedAt = timeline.now
                onNaming()
            }
        }
        for server in servers {
            server.reaches = { [unowned self, unowned server] in
                isReached($0) && isReached(server)
            }
        }
        for server in servers.dropFirst() { server.follow(servers[0], killsClients: false) }
    }

    /// The value of `latchkey_store`.
    var url: String {
        "sentinel://\(sentinels.map(\.endpoint.description).joined(separator: ","))/main"
    }

    var listeners: [any ModelListener] { servers + sentinels }

    private func isReached(_ server: ModelRedis) -> Bool { network?.reaches(server) ?? true }
}

// MARK: - Failovers

extension ModelDeployment {
    /// - Parameter length: How long the fault lasts.
    func failOver(_ kind: Failover, for length: Nanoseconds) {
        guard !isFailingOver, canVote.count >= 2 else { return }
        isFailingOver = true
        let former = primary
        timeline.log("failover: \(kind) of \(former.endpoint)")
        fail(former, kind, for: length)
        let isDown = kind != .ordered
        let detection = isDown ? timeline.chance.number(span / 8...span) : 0
        timeline.after(detection) { [self] in
            // The sentinels reach it again.
            let isBack = former.condition == .running && isReached(former)
            guard !isDown || !isBack, let conductor = timeline.chance.element(of: canVote) else {
                isFailingOver = false
                return
            }
            if isDown {
                for sentinel in sentinels { sentinel.isPrimaryDown = sentinel.view.epoch == epoch }
            }
            conductor.beginFailover()
            timeline.after(timeline.chance.number(1_000_000...span / 4)) { [self] in
                promote(after: former, conductor)
            }
        }
    }

    /// Sentinels that know the primary, and hear each other.
    private var canVote: [ModelSentinel] {
        sentinels.filter {
            $0.condition == .running && $0.deafUntil <= timeline.now && $0.view.epoch == epoch
        }
    }

    private func fail(_ server: ModelRedis, _ kind: Failover, for length: Nanoseconds) {
        switch kind {
        case .crash:
            server.die(isNotified: timeline.chance.percent(70))
            timeline.after(length) { server.start() }
        case .pause:
            server.pause()
            timeline.after(length) { server.resume() }
        case .ordered: break
        case .partition: isolate(server, for: length)
        }
    }

    private func isolate(_ server: ModelRedis, for length: Nanoseconds) {
        network?.isolate(server, for: length, isWhole: timeline.chance.percent(50))
        server.breakReplication()
        server.upstream?.breakOff()
        for other in servers where other.leader === server { other.upstream = nil }
        reconnect()
    }

    private func reconnect() {
        for server in servers where server.isReplica { server.connectToLeader() }
    }

    private func promote(after former: ModelRedis, _ conductor: ModelSentinel) {
        guard let replica = candidate(after: former) else {
            conductor.abortFailover()
            for sentinel in sentinels { sentinel.isPrimaryDown = false }
            isFailingOver = false
            return
        }
        timeline.log("\(replica.endpoint) is promoted")
        epoch += 1
        primary = replica
        changedAt = timeline.now
        // REPLICAOF NO ONE changes nothing at an earlier primary that has not followed since.
        if replica.isReplica { replica.promote(killsClients: timeline.chance.percent(70)) }
        onPromotion(replica)
        timeline.after(timeline.chance.number(100_000...span / 4)) { [self, epoch] in
            conductor.notePromotion(of: replica.endpoint, epoch: epoch)
            tellSentinels(of: replica, conductor)
            tellServers(of: replica, conductor)
        }
    }

    /// A replica that has had a whole copy, and runs. Rarely any other server does: one that has not had a copy yet, or
    /// an earlier primary that nobody has told to follow.
    private func candidate(after former: ModelRedis) -> ModelRedis? {
        let takesAny = namesAgain || !promotesNewest && timeline.chance.percent(25)
        let candidates = servers.filter {
            $0 !== former && $0.condition == .running && isReached($0)
                && (takesAny || $0.leader === former && $0.hasCopy)
        }
        if namesAgain, let earlier = candidates.first(where: { !$0.isReplica }) { return earlier }
        guard promotesNewest || timeline.chance.percent(50) else {
            return timeline.chance.element(of: candidates)
        }
        return candidates.max { $0.offset < $1.offset }
    }

    private func tellSentinels(of replica: ModelRedis, _ conductor: ModelSentinel) {
        for sentinel in sentinels where sentinel !== conductor {
            let delay = timeline.chance.number(1_000_000...span)
            hear(sentinel, replica.endpoint, epoch, after: delay)
        }
    }

    private func hear(
        _ sentinel: ModelSentinel,
        _ primary: Endpoint,
        _ epoch: Int,
        after delay: Nanoseconds
    ) {
        timeline.after(delay) { [self] in
            guard sentinel.condition == .running, sentinel.deafUntil <= timeline.now else {
                return hear(sentinel, primary, epoch, after: span / 8)
            }
            sentinel.hear(primary, epoch: epoch)
        }
    }

    private func tellServers(of replica: ModelRedis, _ conductor: ModelSentinel) {
        for server in servers where server !== replica {
            let spans: Nanoseconds = namesAgain && !server.isReplica ? 4 : 1
            tell(server, replica, epoch, after: timeline.chance.number(1_000_000...span) * spans)
        }
        timeline.after(timeline.chance.number(span / 8...span)) { [self] in
            conductor.endFailover()
            isFailingOver = false
        }
    }

    /// Tells a server to follow, as soon as it is reached; a later primary's word counts.
    private func tell(
        _ server: ModelRedis,
        _ leader: ModelRedis,
        _ epoch: Int,
        after delay: Nanoseconds
    ) {
        timeline.after(delay) { [self] in
            guard epoch == self.epoch else { return }
            guard server.condition == .running, isReached(server) else {
                return tell(server, leader, epoch, after: span / 8)
            }
            timeline.log("\(server.endpoint) follows \(leader.endpoint)")
            changedAt = timeline.now
            server.follow(leader, killsClients: timeline.chance.percent(70))
        }
    }

    /// Ends all faults: everybody knows the primary and follows it.
    func recover() {
        for server in servers { server.recover() }
        for sentinel in sentinels {
            sentinel.recover()
            sentinel.hear(primary.endpoint, epoch: epoch)
        }
        for server in servers where server !== primary {
            server.follow(primary, killsClients: false)
        }
    }

    /// Whether all replicas follow the primary and have got everything.
    var isSettled: Bool {
        servers.allSatisfy { server in
            server === primary
                || server.leader === primary && server.upstream?.isBroken == false
                    && server.offset == primary.offset
        }
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
