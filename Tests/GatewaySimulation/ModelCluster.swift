import RedisClient

/// The servers of a cluster: three shards, each with a primary and a replica.
final class ModelCluster {
    static let shardCount = 3

    let timeline: Timeline
    let hasThreads: Bool
    let servers: [ModelRedis]
    private(set) var seats: [ModelSeat] = []
    weak var network: Network?

    /// How long things take, at most: until a server is believed to have failed, until others hear of a change.
    let span: Nanoseconds

    /// Whether no server answers while a slot has no holder.
    let needsFullCoverage: Bool

    /// Whether a server whose slot was taken tells of the keys that it deletes: Redis since 7.2 does.
    let tellsOfLostKeys: Bool

    /// The number of the server that holds each slot: the one with the highest epoch that claims it.
    var holders = ModelHolders(shardCount: ModelCluster.shardCount)
    var lastEpoch = ModelCluster.shardCount
    var isFailingOver = false
    var isMoving = false

    /// When roles, slots, or what is said of them last changed.
    var changedAt: Nanoseconds = 0

    /// Called with a server that has been promoted.
    var onPromotion: (ModelRedis) -> Void = { _ in }

    /// Called with a slot that was taken by force.
    var onTaking: (Int) -> Void = { _ in }

    /// Called when keys have moved, and when a server has heard of that.
    var onChange: () -> Void = {}

    /// - Parameter span: How long things take, at most.
    init(
        _ timeline: Timeline,
        hasThreads: Bool,
        span: Nanoseconds,
        needsFullCoverage: Bool = true,
        tellsOfLostKeys: Bool = true
    ) {
        self.timeline = timeline
        self.hasThreads = hasThreads
        self.span = span
        self.needsFullCoverage = needsFullCoverage
        self.tellsOfLostKeys = tellsOfLostKeys
        servers = (1...2 * Self.shardCount).map {
            ModelRedis(
                timeline,
                hasThreads: hasThreads,
                at: .tcp(host: "10.0.0.\($0)", port: 6379),
                isReplicated: true
            )
        }
        seats = servers.enumerated().map { ModelSeat($0, $1, self) }
        for (number, server) in servers.enumerated() {
            server.seat = seats[number]
            server.reaches = { [unowned self, unowned server] in
                network?.reaches($0, server) ?? true
            }
        }
        for (replica, primary) in zip(servers[Self.shardCount...], servers) {
            replica.follow(primary, killsClients: false)
        }
    }

    /// The value of `latchkey_store`.
    var url: String {
        "cluster://\(servers.prefix(Self.shardCount).map(\.endpoint.description).joined(separator: ","))"
    }

    var listeners: [any ModelListener] { servers }

    /// The primary of a key's slot.
    func primary(of key: String) -> ModelRedis { servers[holders[ModelSlots.slot(of: key)]] }

    /// The number of the server that has a key: while its slot moves, that may be the target.
    func location(of key: String) -> Int {
        let slot = ModelSlots.slot(of: key)
        let holder = holders[slot]
        guard let target = seats[holder].migrating[slot], !servers[holder].data.exists(key) else {
            return holder
        }
        return target
    }

    /// The servers that a worker may take for the holder of a slot: those that think so, and are named by others.
    func believed(_ slot: Int) -> [Int] {
        seats.indices.filter { number in
            let others = seats.indices.filter { $0 != number && seats[$0].leaders[$0] == nil }
            return seats[number].holds(slot) && seats[number].leaders[number] == nil
                && others.count { seats[$0].holders.servers.contains(number) } >= 2
        }
    }

    /// The servers that hold slots.
    var primaries: [ModelRedis] { holders.servers.map { servers[$0] } }

    /// Whether two servers hear each other.
    func isConnected(_ one: Int, _ other: Int) -> Bool {
        servers[one].condition == .running && servers[other].condition == .running
            && network?.reaches(servers[one], servers[other]) ?? true
    }
}

// MARK: - What servers tell each other

extension ModelCluster {
    /// Tells all other servers what one knows of itself, each as soon as it is reached.
    func spread(_ number: Int) {
        changedAt = timeline.now
        for other in seats.indices where other != number {
            tell(other, of: number, after: timeline.chance.number(1_000_000...span))
        }
    }

    private func tell(_ other: Int, of number: Int, after delay: Nanoseconds) {
        timeline.after(delay) { [self] in
            guard isConnected(number, other) else {
                return tell(other, of: number, after: span / 8)
            }
            changedAt = timeline.now
            seats[other].hear(seats[number])
            onChange()
        }
    }

    /// Ends all faults: everybody knows everything.
    func recover() {
        for server in servers {
            server.recover()
            server.upstream?.breakOff()
        }
        for seat in seats {
            seat.isMinority = false
            seat.failing = []
        }
        for seat in seats { for other in seats where other !== seat { seat.hear(other) } }
    }

    /// Whether all servers agree on who holds what.
    var isAgreed: Bool { seats.allSatisfy { $0.holders == holders } }

    /// Whether nothing is under way, all servers agree, and all replicas have got everything.
    var isSettled: Bool {
        !isFailingOver && !isMoving && isAgreed
            && servers.allSatisfy { server in
                guard let leader = server.leader else { return true }
                return server.upstream?.isBroken == false && server.offset == leader.offset
            }
    }
}
