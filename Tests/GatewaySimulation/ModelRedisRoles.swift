/// Primaries and replicas. A replica has what it has got from the server that it follows, and that alone.
extension ModelRedis {
    var isReplica: Bool { leader != nil }

    /// Number of followers that have acknowledged everything up to an offset.
    func copies(of offset: Int) -> Int {
        followers.count { !$0.isBroken && $0.acknowledged.map { offset <= $0 } ?? false }
    }

    /// REPLICAOF NO ONE. A new term begins. Followers of the same server may go on from where they are.
    func promote(killsClients: Bool) {
        leader = nil
        upstream?.breakOff()
        upstream = nil
        (formerID, formerOffset) = (replicationID, offset)
        beginTerm()
        if killsClients { killAll() }
        wake()
    }

    /// REPLICAOF: what the leader lacks will be lost here.
    func follow(_ other: ModelRedis, killsClients: Bool) {
        guard leader !== other else { return }
        (leader, hasCopy) = (other, false)
        upstream?.breakOff()
        upstream = nil
        for session in sessions where session.isBlocked {
            session.answer(.error("UNBLOCKED force unblock from blocking operation"))
            session.wire.down.send(session.output)
            kill(session)
        }
        if killsClients { killAll() }
        connectToLeader()
    }

    /// CLIENT KILL TYPE normal and pubsub: Sentinel does so.
    private func killAll() { for session in sessions { kill(session) } }

    /// Tries to reach the leader, again and again.
    func connectToLeader() {
        guard !isConnecting else { return }
        isConnecting = true
        timeline.after(timeline.chance.number(100_000...5_000_000)) { [self] in
            isConnecting = false
            guard let leader, upstream?.isBroken ?? true else { return }
            guard condition == .running, leader.condition == .running, reaches(leader) else {
                return connectToLeader()
            }
            let replication = ModelReplication(from: leader, to: self)
            upstream = replication
            leader.followers.removeAll(where: \.isBroken)
            leader.followers.append(replication)
            replication.begin()
        }
    }

    /// Breaks the streams from and to this server. Followers connect again.
    func breakReplication() {
        upstream?.breakOff()
        for follower in followers { follower.breakOff() }
        followers = []
    }
}

// MARK: - Changes

extension ModelRedis {
    /// Passes on what a command has changed.
    func propagate(_ keys: [String]) {
        guard !keys.isEmpty, !isReplica, isReplicated else { return }
        emit(.values(keys.map { ($0, data.value(of: $0)) }))
    }

    func emit(_ effect: ModelChange.Effect) {
        guard isReplicated else { return }
        offset += 1
        add(ModelChange(offset: offset, effect: effect))
    }

    private func add(_ change: ModelChange) {
        backlog.append(change)
        for follower in followers { follower.send(change) }
    }

    /// What a follower lacks that has got everything up to an offset of a term; `nil` if it has to take everything.
    func changes(since id: String, _ offset: Int) -> [ModelChange]? {
        guard id == replicationID || id == formerID && offset <= formerOffset,
            offset <= self.offset,
            offset >= (backlog.first?.offset ?? self.offset + 1) - 1
        else { return nil }
        return backlog.filter { $0.offset > offset }
    }

    /// A follower goes on with a leader's term.
    func continues(as id: String) {
        if replicationID != id { (formerID, formerOffset) = (replicationID, offset) }
        (replicationID, hasCopy) = (id, true)
    }

    func apply(_ change: ModelChange) {
        offset = change.offset
        add(change)
        switch change.effect {
        case .values(let values):
            for (key, value) in values { data.put(key, value) }
            noteCopied(data.drainTouched())
        case .flush:
            flush()
        }
    }

    /// Takes everything that the leader had. Those that track changes forget all.
    func load(_ data: Dataset, _ id: String, _ offset: Int) {
        let before = self.data
        (self.data, replicationID, self.offset, backlog) = (data, id, offset, [])
        (formerID, hasCopy) = (nil, true)
        _ = self.data.drainTouched()
        for follower in followers { follower.breakOff() }
        let keys = Set(before.hashes.keys).union(data.hashes.keys).sorted()
        for key in keys where before.hashes[key] != data.hashes[key] { onCopy(key) }
        invalidateAll()
        wake()
    }

    private func noteCopied(_ keys: [String]) {
        for key in keys where key.hasPrefix(Self.recordPrefix) {
            if !changedKeys.contains(key) { changedKeys.append(key) }
            onCopy(key)
        }
        wake()
    }
}

// MARK: - Commands

extension ModelRedis {
    /// WAIT: counts the followers that have what was written last on this connection.
    func awaitCopies(_ command: [String], _ session: Session) {
        guard !isReplica else {
            return session.answer(.error("ERR WAIT cannot be used with replica instances."))
        }
        let copies = copies(of: session.lastWriteOffset)
        let count = Int(command[1]) ?? 0
        guard copies < count else { return session.answer(.integer(copies)) }
        let milliseconds = ServerTime(command[2]) ?? 0
        let end = milliseconds == 0 ? ServerTime.max : time + milliseconds
        session.awaited = (count, end)
        if milliseconds > 0 { wake(at: end) }
    }

    /// Answers the clients whose WAIT has ended.
    func serveWaits() {
        for session in sessions {
            guard let (count, until) = session.awaited else { continue }
            let copies = copies(of: session.lastWriteOffset)
            guard copies >= count || until <= time else { continue }
            session.awaited = nil
            session.answer(.integer(copies))
            // Its next commands are served in the next turn.
            wake()
        }
    }

    var replicationInformation: [String] {
        let role: [String]
        if let leader {
            let isUp = upstream.map { !$0.isBroken } ?? false
            role =
                ["role:slave"] + leader.addressInformation
                + ["master_link_status:\(isUp ? "up" : "down")", "slave_repl_offset:\(offset)"]
        } else {
            role = ["role:master"]
        }
        let connected = followers.filter { !$0.isBroken }
        return ["# Replication"] + role + ["connected_slaves:\(connected.count)"]
            + connected.enumerated().map { "slave\($0):\($1.information)" }
            + ["master_replid:\(replicationID)", "master_repl_offset:\(offset)"]
    }

    private var addressInformation: [String] {
        guard case .tcp(let host, let port) = endpoint else { return [] }
        return ["master_host:\(host)", "master_port:\(port)"]
    }

    var roleReply: Reply {
        guard let leader, case .tcp(let host, let port) = leader.endpoint else {
            return .array([.bulk("master"), .integer(offset), .array([])])
        }
        let isUp = upstream.map { !$0.isBroken } ?? false
        return .array([
            .bulk("slave"), .bulk(host), .integer(Int(port)),
            .bulk(isUp ? "connected" : "connect"), .integer(offset),
        ])
    }
}
