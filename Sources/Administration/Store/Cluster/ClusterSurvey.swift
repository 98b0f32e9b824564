import RedisClient

/// Asks several servers of a cluster at once.
///
/// ``ServerGroup`` connects to them; tests simulate.
protocol ClusterServers: AnyObject {
    /// What each of them replies to the same commands, in their order, within a bounded time.
    func ask(_ servers: [Endpoint], _ commands: [RedisCommand])
        -> [Result<[RedisReply], StoreConnection.Fault>]
}

/// What the servers of a cluster say of each other at one moment.
struct ClusterSurvey {
    /// What the one says that knows the latest epoch.
    let table: ClusterTable

    /// What each one says that has answered.
    let views: [Endpoint: ClusterTable]

    /// - Parameter views: At least one.
    init?(_ views: [Endpoint: ClusterTable]) {
        let newest = views.max { left, right in
            (left.value.epoch, Self.rank(left.value), right.key.description)
                < (right.value.epoch, Self.rank(right.value), left.key.description)
        }
        guard let newest else { return nil }
        (table, self.views) = (newest.value, views)
    }

    /// Of views with the same epoch that of a primary counts: a replica, or a server that was forgotten, may be behind.
    private static func rank(_ view: ClusterTable) -> Int {
        view.primaries.contains(where: \.isMyself) ? 1 : 0
    }

    /// The primaries that hold slots.
    var primaries: [ClusterServer] { table.primaries }

    /// The primaries that may have records: one without slots may be the target of its first one.
    var mayHaveRecords: [ClusterServer] {
        table.servers.filter { $0.isPrimary && !($0.slots.isEmpty && $0.isDown) }
    }

    /// Number of primaries that have lost their slots and may return as replicas of their successor, with the data that they
    /// had: those that are down, and those that do not follow it yet. A server that has just joined the cluster has no
    /// epoch, and a successor has a higher one.
    func formerPrimaries(before primary: ClusterServer) -> Int {
        table.servers.count {
            $0.isPrimary && $0.slots.isEmpty && $0.configEpoch < primary.configEpoch
                && ($0.isDown || $0.configEpoch > 0)
        }
    }

    /// The other server that holds a slot since a later epoch than this one; `nil` if there is none. Those that still name this one
    /// do not know of the election yet. A replica is listed with the epoch of its primary.
    func holder(of slot: Slot, newerThan server: Endpoint) -> Endpoint? {
        guard let holder = table.primary(of: slot), holder.node.address != server,
            let known = table.server(at: server),
            !known.isPrimary || known.configEpoch < holder.configEpoch
        else { return nil }
        return holder.node.address
    }

    /// Whether all other primaries that have answered, and are not taken for lost, name a server as the holder of a slot, and enough have. One that a slot was
    /// taken from by force answers from what it has until it hears of that.
    ///
    /// - Parameter quorum: How many others have to name it.
    func isAgreed(_ slot: Slot, heldBy server: Endpoint, quorum: Int) -> Bool {
        let named = primaries.filter { !$0.isDown }.map(\.node.address).filter { $0 != server }
            .compactMap { views[$0]?.primary(of: slot)?.node.address }
        return named.count >= quorum && named.allSatisfy { $0 == server }
    }

    /// The slots that a server says are being moved to it or away from it.
    func openSlots(of server: ClusterServer) -> SlotSet {
        let own = views[server.node.address]?.servers.first(where: \.isMyself)
        return own?.openSlots ?? SlotSet()
    }

    /// The primaries from or to which slots are being moved. One without slots does not say so itself.
    var movingPrimaries: [Endpoint] {
        guard primaries.contains(where: { !openSlots(of: $0).isEmpty }) else { return [] }
        return mayHaveRecords.filter { $0.slots.isEmpty || !openSlots(of: $0).isEmpty }
            .map(\.node.address)
    }

    /// Whether a server has no slots, and no slot is on its way to any server: it has just joined, and need not admit anybody yet.
    func isUnused(_ server: Endpoint) -> Bool {
        movingPrimaries.isEmpty && !primaries.contains { $0.node.address == server }
    }

    /// The primaries to which slots have come since an earlier survey, or that have joined or taken over from others.
    func primaries(changedSince earlier: ClusterSurvey) -> [Endpoint] {
        mayHaveRecords.filter { now in
            let before = earlier.table.server(at: now.node.address)
            return before?.node.id != now.node.id || before?.isPrimary != true
                || before?.slots != now.slots || before?.configEpoch != now.configEpoch
        }
        .map(\.node.address)
    }
}
