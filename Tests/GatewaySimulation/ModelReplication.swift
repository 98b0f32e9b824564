/// What a server has executed, as those that follow it receive it.
struct ModelChange {
    enum Effect {
        /// What stands at these keys afterwards; a transaction is one change.
        case values([(key: String, value: Dataset.Value)])
        case flush
    }

    /// The server's offset after it.
    let offset: Int
    let effect: Effect
}

/// The stream of changes from a server to one that follows it, and of acknowledgements back.
final class ModelReplication {
    unowned let leader: ModelRedis
    unowned let follower: ModelRedis
    private let timeline: Timeline
    private var lastArrival: Nanoseconds = 0
    private var heldUntil: Nanoseconds = 0

    /// What has arrived while the follower was stopped.
    private var arrived: [() -> Void] = []

    /// The offset that the follower has acknowledged; `nil` before it has what the leader had.
    private(set) var acknowledged: Int?

    private(set) var isBroken = false

    init(from leader: ModelRedis, to follower: ModelRedis) {
        self.leader = leader
        self.follower = follower
        timeline = leader.timeline
    }

    /// What the leader says of its follower: until that has a whole copy, it is not online.
    var information: String {
        guard case .tcp(let host, let port) = follower.endpoint else { return "" }
        let state = acknowledged == nil ? "send_bulk" : "online"
        return "ip=\(host),port=\(port),state=\(state),offset=\(acknowledged ?? 0),lag=0"
    }

    /// Sends what the follower lacks: the changes since, or everything.
    func begin() {
        let (id, offset, changes) = (
            leader.replicationID, leader.offset,
            leader.changes(since: follower.replicationID, follower.offset)
        )
        if let changes {
            deliver { $0.follower.continues(as: id) }
            changes.forEach(send)
            deliver { $0.acknowledge($0.follower.offset) }
        } else {
            let data = leader.data
            deliver {
                $0.follower.load(data, id, offset)
                $0.acknowledge(offset)
            }
        }
    }

    func send(_ change: ModelChange) {
        deliver {
            $0.follower.apply(change)
            $0.acknowledge(change.offset)
        }
    }

    /// Delays all further changes.
    func hold(until moment: Nanoseconds) { heldUntil = max(heldUntil, moment) }

    /// The follower connects again.
    func breakOff() {
        guard !isBroken else { return }
        isBroken = true
        follower.connectToLeader()
    }

    /// Hands the follower what has arrived while it was stopped.
    func handOut() {
        while !isBroken, follower.condition == .running, !arrived.isEmpty {
            arrived.removeFirst()()
        }
    }

    private func deliver(_ action: @escaping (ModelReplication) -> Void) {
        guard !isBroken else { return }
        lastArrival = max(lastArrival, heldUntil, timeline.now + delay)
        timeline.at(lastArrival) { [weak self] in
            guard let self else { return }
            arrived.append { [unowned self] in action(self) }
            handOut()
        }
    }

    private func acknowledge(_ offset: Int) {
        timeline.after(delay) { [weak self] in
            guard let self, !isBroken else { return }
            acknowledged = max(acknowledged ?? 0, offset)
            leader.wake()
        }
    }

    private var delay: Nanoseconds { timeline.chance.number(10_000...300_000) }
}
