import RedisClient

/// How a failover goes: what leads to it, who is promoted, and who hears of it when.
extension ModelDeployment {
    /// - Parameters:
    ///   - length: How long the fault lasts.
    ///   - sides: Where clients are once the primary is cut off; by chance if nothing is said.
    func failOver(
        _ kind: Failover,
        for length: Nanoseconds,
        sides: [Client: NetworkRift.Side] = [:]
    ) {
        guard !isFailingOver, canVote.count >= 2 else { return }
        isFailingOver = true
        let former = primary
        timeline.log("failover: \(kind) of \(former.endpoint)")
        fail(former, kind, for: length, sides)
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
                for sentinel in sentinels {
                    sentinel.isPrimaryDown =
                        sentinel.view.epoch == epoch
                        && sight(of: former.endpoint, by: sentinel)?.isDown ?? false
                }
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
                && isReached($0)
        }
    }

    private func fail(
        _ server: ModelRedis,
        _ kind: Failover,
        for length: Nanoseconds,
        _ sides: [Client: NetworkRift.Side]
    ) {
        switch kind {
        case .crash:
            server.die(isNotified: timeline.chance.percent(70))
            timeline.after(length) { server.start() }
        case .pause:
            server.pause()
            timeline.after(length) { server.resume() }
        case .ordered: break
        case .partition:
            let isWhole = timeline.chance.percent(50) || !sides.isEmpty
            isolate([server], isWhole: isWhole, sides, for: length)
        case .split:
            isolate([server] + companions(of: server), isWhole: true, sides, for: length)
        }
    }

    /// A sentinel, and perhaps a replica. Where not all servers have to hold a change, the replica outside has all that
    /// the one inside may have acknowledged.
    private func companions(of server: ModelRedis) -> [any ModelListener] {
        var companions: [any ModelListener] = []
        let replicas = servers.filter { $0.leader === server }
        if timeline.chance.percent(50), let replica = timeline.chance.element(of: replicas) {
            let others = replicas.filter { $0 !== replica && $0.offset == server.offset }
            if !promotesNewest || !others.isEmpty { companions.append(replica) }
        }
        if let sentinel = timeline.chance.element(of: sentinels) { companions.append(sentinel) }
        return companions
    }

    private func isolate(
        _ inside: [any ModelListener],
        isWhole: Bool,
        _ sides: [Client: NetworkRift.Side],
        for length: Nanoseconds
    ) {
        guard let network else { return }
        network.open(
            NetworkRift(
                until: timeline.now + length,
                inside: Set(inside.map(\.endpoint)),
                isWhole: isWhole,
                sides: sides,
                number: timeline.chance.next()
            )
        )
        for server in servers {
            guard let leader = server.leader, !network.reaches(leader, server) else { continue }
            server.upstream?.breakOff()
        }
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
        returning = replica === returning ? nil : returning
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
        if let returning, returning !== former, returning.condition == .running,
            isReached(returning)
        {
            return returning
        }
        let takesAny = !promotesNewest && timeline.chance.percent(25)
        let candidates = servers.filter {
            $0 !== former && $0.condition == .running && isReached($0)
                && (takesAny || $0.leader === former && $0.hasCopy)
        }
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
            guard sentinel.condition == .running, sentinel.deafUntil <= timeline.now,
                isReached(sentinel)
            else {
                return hear(sentinel, primary, epoch, after: span / 8)
            }
            sentinel.hear(primary, epoch: epoch)
        }
    }

    private func tellServers(of replica: ModelRedis, _ conductor: ModelSentinel) {
        for server in servers where server !== replica {
            tell(server, replica, epoch, after: timeline.chance.number(1_000_000...span))
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
            guard server.condition == .running, isReached(server), server !== returning else {
                return tell(server, leader, epoch, after: span / 8)
            }
            timeline.log("\(server.endpoint) follows \(leader.endpoint)")
            changedAt = timeline.now
            server.follow(leader, killsClients: timeline.chance.percent(70))
        }
    }

    /// Ends all faults: everybody knows the primary and follows it.
    func recover() {
        returning = nil
        for server in servers {
            server.recover()
            // What is held up on its way is sent anew.
            server.upstream?.breakOff()
        }
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
