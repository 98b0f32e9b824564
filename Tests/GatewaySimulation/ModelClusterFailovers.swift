/// How a shard gets another primary.
extension ModelCluster {
    /// What leads to that.
    enum Failover: CaseIterable {
        /// The primary's process ends, and starts again later.
        case crash
        /// It is stopped, and resumed later.
        case pause
        /// An operator orders it: the primary is well.
        case ordered
        /// The other servers do not reach the primary; some clients do.
        case partition
    }

    /// - Parameters:
    ///   - former: The number of a primary.
    ///   - length: How long the fault lasts.
    ///   - sides: Where clients are once the primary is cut off; by chance if nothing is said.
    func failOver(
        _ former: Int,
        _ kind: Failover,
        for length: Nanoseconds,
        sides: [Client: NetworkRift.Side] = [:]
    ) {
        guard !isFailingOver, holders.servers.contains(former) else { return }
        isFailingOver = true
        timeline.log("failover: \(kind) of \(servers[former].endpoint)")
        fail(former, kind, for: length, sides)
        guard kind != .ordered else { return handOver(former) }
        timeline.after(timeline.chance.number(span / 8...span)) { [self] in
            guard !hears(former), let replica = candidate(after: former),
                isElected(replica, after: former)
            else {
                isFailingOver = false
                return
            }
            for seat in seats where isConnected(seat.number, replica) {
                seat.failing.insert(former)
            }
            changedAt = timeline.now
            timeline.after(timeline.chance.number(1_000_000...span / 2)) { [self] in
                promote(replica, after: former)
            }
        }
    }

    private func fail(
        _ number: Int,
        _ kind: Failover,
        for length: Nanoseconds,
        _ sides: [Client: NetworkRift.Side]
    ) {
        let server = servers[number]
        switch kind {
        case .crash:
            server.die(isNotified: timeline.chance.percent(70))
            timeline.after(length) { [self] in
                guard server.condition == .down else { return }
                server.start()
                // It does not answer before it has heard the others.
                seats[number].isMinority = true
                endMinority(of: number)
            }
        case .pause:
            server.pause()
            timeline.after(length) { server.resume() }
        case .ordered: break
        case .partition:
            let isWhole = timeline.chance.percent(50) || !sides.isEmpty
            isolate(number, isWhole: isWhole, sides, for: length)
        }
    }

    private func isolate(
        _ number: Int,
        isWhole: Bool,
        _ sides: [Client: NetworkRift.Side],
        for length: Nanoseconds
    ) {
        guard let network else { return }
        network.open(
            NetworkRift(
                until: timeline.now + length,
                inside: [servers[number].endpoint],
                isWhole: isWhole,
                sides: sides,
                number: timeline.chance.next()
            )
        )
        for server in servers {
            guard let leader = server.leader, !network.reaches(leader, server) else { continue }
            server.upstream?.breakOff()
        }
        timeline.after(span) { [self] in
            if !hears(number) { seats[number].isMinority = true }
            endMinority(of: number)
        }
    }

    /// A primary that reaches the others again serves keys after a while.
    private func endMinority(of number: Int) {
        timeline.after(span / 8) { [self] in
            guard hears(number) else { return endMinority(of: number) }
            seats[number].isMinority = false
        }
    }

    /// Whether a server and most others hear each other.
    private func hears(_ number: Int) -> Bool {
        seats.indices.count { $0 != number && isConnected($0, number) } > Self.shardCount
    }

    private func candidate(after former: Int) -> Int? {
        servers.indices.first {
            servers[$0].leader === servers[former] && servers[$0].hasCopy
                && servers[$0].condition == .running && hears($0)
        }
    }

    /// Whether most primaries vote for a replica: those that it reaches, in their own view of who is one, and that
    /// know of no newer holder of a slot that it claims.
    private func isElected(_ replica: Int, after former: Int) -> Bool {
        let votes = seats[replica].holders.servers.count {
            $0 != former && isConnected($0, replica) && seats[$0].leaders[$0] == nil
                && !seats[$0].knowsBetter(than: seats[replica], of: former)
        }
        return votes > Self.shardCount / 2
    }

    /// CLUSTER FAILOVER: the primary takes no writes until its replica has got everything.
    private func handOver(_ former: Int) {
        guard let replica = candidate(after: former), servers[former].condition == .running else {
            isFailingOver = false
            return
        }
        timeline.after(timeline.chance.number(1_000_000...span / 4)) { [self] in
            guard servers[replica].offset == servers[former].offset, hears(replica),
                isConnected(replica, former), servers[replica].leader === servers[former]
            else {
                isFailingOver = false
                return
            }
            promote(replica, after: former)
            seats[former].hear(seats[replica])
        }
    }

    private func promote(_ replica: Int, after former: Int) {
        defer { isFailingOver = false }
        guard servers[replica].condition == .running, servers[replica].leader != nil,
            isElected(replica, after: former)
        else { return }
        timeline.log("\(servers[replica].endpoint) is promoted")
        lastEpoch += 1
        let seat = seats[replica]
        seat.leaders[replica] = nil
        seat.epochs[replica] = lastEpoch
        seat.holders.split(like: holders)
        for part in seat.holders.parts(with: holders) where seat.holders[part] == former {
            seat.holders[part] = replica
            if holders[part] == former { holders[part] = replica }
        }
        servers[replica].promote(killsClients: false)
        onPromotion(servers[replica])
        spread(replica)
        onChange()
    }
}
