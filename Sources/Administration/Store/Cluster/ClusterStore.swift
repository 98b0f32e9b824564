import Keyring
import RedisClient

/// Carries commands to the servers of a cluster that hold what they are about.
///
/// It keeps a table of all servers and a connection to each that was needed, and follows what moves. A server that is lost
/// is waited for until another one has taken over.
final class ClusterStore {
    /// Pause before servers are asked again.
    private static let pauseMilliseconds: UInt64 = 50

    /// The longest wait for a slot that is being moved. A slot whose move is abandoned stays as it is.
    static let settleMilliseconds: UInt64 = 10_000

    /// Fewer primaries elect none.
    static let primariesMin = 3

    /// Commands that were sent to other servers so often without a pause are paused for.
    private static let hopsMax = 5

    /// A failover takes seconds.
    private static let standardPatienceMilliseconds: UInt64 = 30_000

    /// How long commands wait for a server.
    var patienceMilliseconds = standardPatienceMilliseconds

    let servers: any ClusterServers
    private let seeds: [Endpoint]
    private let clock: any BlockingClock
    private let connect: (Endpoint) -> any StoreChannel

    private(set) var survey: ClusterSurvey?

    /// Whether something has happened that the survey does not show.
    private var isStale = true

    /// What servers have said of slots since the survey, or what it does not know yet.
    private var moved: [Slot: Endpoint] = [:]
    private var connections: [Endpoint: any StoreChannel] = [:]

    /// The place of the last commands, and the server that carried them out.
    private var last: (place: Place, server: Endpoint)?

    /// Whether the last whole wait for a server was in vain: the next one ends at once.
    private var hasWaitedInVain = false

    /// - Parameters:
    ///   - seeds: The servers in the configuration.
    ///   - connect: Returns a connection to a server that is opened with the first commands.
    init(
        seeds: [Endpoint],
        servers: any ClusterServers,
        clock: any BlockingClock,
        connect: @escaping (Endpoint) -> any StoreChannel
    ) {
        (self.seeds, self.servers, self.clock, self.connect) = (seeds, servers, clock, connect)
    }

    /// A connection to a server.
    func connection(_ server: Endpoint) -> any StoreChannel {
        if let connection = connections[server] { return connection }
        let connection = connect(server)
        connections[server] = connection
        return connection
    }

    /// Closes a connection. The next commands open a new one, to whoever holds their place then.
    func close(_ server: Endpoint) {
        connections.removeValue(forKey: server)?.renew()
        if last?.server == server { last = nil }
        isStale = true
    }

    func isReady(at place: Place) -> Bool {
        server(of: place).flatMap { connections[$0] }?.isReady ?? false
    }

    /// The server that holds a place, as far as that is known.
    func server(of place: Place) -> Endpoint? {
        if case .server(let server) = place { return server }
        guard let slot = place.slot else { return nil }
        return moved[slot] ?? survey?.table.primary(of: slot)?.node.address
    }

    /// The primary that holds a place, and its replicas, as the survey shows them.
    func named(at place: Place) -> NamedPrimary? {
        guard let server = server(of: place) else { return nil }
        let known = survey?.table.server(at: server)
        let replicas = known.map { survey?.table.replicas(of: $0) ?? [] } ?? []
        return NamedPrimary(
            primary: Primary(address: server, version: nil),
            replicaCount: replicas.count,
            replicas: Set(replicas.map(\.node.address)),
            formerCount: known.map { survey?.formerPrimaries(before: $0) ?? 0 } ?? 0
        )
    }

    /// Carries out commands that make sense only on the connection that carried the previous ones. Errors that say that a
    /// key is elsewhere are among the replies.
    func continueConnection(_ commands: [RedisCommand], at place: Place)
        throws(StoreConnection.Fault) -> [RedisReply]
    {
        guard let last, last.place == place, let connection = connections[last.server],
            connection.isReady
        else { throw .unreachable("the connection to the server of the cluster is lost") }
        do throws(StoreConnection.Fault) {
            let replies = try connection.execute(commands, onSameConnection: true)
            learn(replies, from: last.server)
            return replies
        } catch {
            close(last.server)
            throw error
        }
    }
}

// MARK: - Which servers there are

extension ClusterStore {
    /// Asks all servers which there are.
    ///
    /// - Throws: A fault if none of them reports it.
    func refresh() throws(StoreConnection.Fault) -> ClusterSurvey {
        _ = try refresh(asking: nil)
        guard let survey else { throw .unreachable("no server of the cluster answers") }
        return survey
    }

    /// The same, with another question to all servers.
    ///
    /// - Returns: The replies to it.
    func refresh(asking question: RedisCommand?) throws(StoreConnection.Fault)
        -> [Endpoint: RedisReply]
    {
        let all = known
        let commands = [ClusterCommands.nodes] + (question.map { [$0] } ?? [])
        let answers = Array(zip(all, servers.ask(all, commands)))
        var views: [Endpoint: ClusterTable] = [:]
        var replies: [Endpoint: RedisReply] = [:]
        var faults: [StoreConnection.Fault] = []
        for (server, answer) in answers {
            do throws(StoreConnection.Fault) {
                let answered = try answer.get()
                views[server] = try Self.table(answered.first, from: server)
                replies[server] = answered.dropFirst().first
            } catch {
                faults.append(error)
            }
        }
        guard let survey = ClusterSurvey(views) else { throw Self.silence(faults) }
        use(survey)
        return replies
    }

    private static func table(_ reply: RedisReply?, from server: Endpoint)
        throws(StoreConnection.Fault) -> ClusterTable
    {
        do throws(ClusterTable.Fault) {
            guard let reply else { throw .malformed }
            return try ClusterTable(reply, from: server)
        } catch {
            let text = "the store at \(server) \(error)"
            if case .refused(let error) = error, error.code != "LOADING" { throw .refused(text) }
            throw .unreachable(text)
        }
    }

    /// - Parameter faults: Why no server reports it.
    private static func silence(_ faults: [StoreConnection.Fault]) -> StoreConnection.Fault {
        let texts = faults.map(\.text).joined(separator: "; ")
        let isRefusal = faults.allSatisfy { if case .refused = $0 { true } else { false } }
        if isRefusal, !faults.isEmpty { return .refused(texts) }
        let permission = faults.first { if case .notPermitted = $0 { true } else { false } }
        return permission ?? .unreachable(texts)
    }

    /// Those that the configuration and the survey name.
    var known: [Endpoint] {
        var seen: Set<Endpoint> = []
        let primaries = survey?.primaries.map(\.node.address) ?? []
        let targets = moved.sorted { $0.key < $1.key }.map(\.value)
        return (primaries + targets + seeds).filter { seen.insert($0).inserted }
    }

    private func use(_ survey: ClusterSurvey) {
        self.survey = survey
        moved = moved.filter { slot, server in
            survey.table.primary(of: slot)?.node.address != server
        }
        isStale = false
    }

    /// Notes where a server says that slots are.
    private func learn(_ replies: [RedisReply], from server: Endpoint) {
        for reply in replies {
            guard case .moved(let slot, let target) = Redirection(reply, from: server) else {
                continue
            }
            learn(slot, target)
        }
    }

    func learn(_ slot: Slot, _ server: Endpoint) {
        moved[slot] = server
        isStale = true
    }

    /// Forgets what was learnt of a server that is lost.
    private func forget(_ server: Endpoint) {
        close(server)
        moved = moved.filter { $0.value != server }
    }
}

// MARK: - Commands about places

extension ClusterStore {
    /// What is left to do, and until when.
    private struct Round {
        var pending: [ClusterUnit]
        let deadline: MonotonicTime
        let settleEnd: MonotonicTime

        /// How often commands were sent to other servers without a pause.
        var hops = 0

        /// What keeps the rest from being carried out.
        var obstacle: StoreConnection.Fault?

        /// Whether that is nothing but keys that are being moved.
        var isMoving = true

        mutating func obstruct(_ fault: StoreConnection.Fault, isMoving: Bool = false) {
            obstacle = obstacle ?? fault
            self.isMoving = self.isMoving && isMoving
        }
    }

    func carryOut(_ parts: [PlacedCommands]) throws(StoreConnection.Fault) -> [[RedisReply]] {
        var replies = parts.map { [RedisReply?](repeating: nil, count: $0.commands.count) }
        // One server has no successor.
        let isFixed = parts.contains { $0.place.slot == nil }
        let patience = hasWaitedInVain || isFixed ? 0 : patienceMilliseconds
        let now = clock.monotonic
        var round = Round(
            pending: parts.enumerated().flatMap { ClusterUnit.units($1.commands, part: $0) },
            deadline: now.advanced(byMilliseconds: patience),
            settleEnd: now.advanced(byMilliseconds: min(patience, Self.settleMilliseconds))
        )
        while !round.pending.isEmpty {
            (round.obstacle, round.isMoving) = (nil, true)
            try advance(&round, parts, &replies)
            guard !round.pending.isEmpty else { break }
            try pause(&round, patience)
        }
        hasWaitedInVain = false
        return replies.map { $0.compactMap(\.self) }
    }

    /// Sends what is pending to the servers that hold it.
    private func advance(
        _ round: inout Round,
        _ parts: [PlacedCommands],
        _ replies: inout [[RedisReply?]]
    ) throws(StoreConnection.Fault) {
        let units = round.pending
        let groups: [(server: Endpoint, units: [ClusterUnit])]
        do throws(StoreConnection.Fault) {
            groups = try grouped(units, parts)
        } catch {
            guard case .unreachable = error else { throw error }
            return round.obstruct(error)
        }
        round.pending = []
        for (server, units) in groups {
            do throws(StoreConnection.Fault) {
                let all = try connection(server).execute(units.flatMap(\.commands))
                if let first = units.first { last = (parts[first.part].place, server) }
                try settle(units, all, from: server, &round, &replies)
            } catch {
                forget(server)
                guard case .unreachable = error else { throw error }
                round.obstruct(error)
                round.pending += units
            }
        }
    }

    /// The servers in the order of their first units.
    private func grouped(_ units: [ClusterUnit], _ parts: [PlacedCommands])
        throws(StoreConnection.Fault) -> [(server: Endpoint, units: [ClusterUnit])]
    {
        if isStale { _ = try refresh() }
        if let survey, survey.primaries.count < Self.primariesMin {
            throw .refused(Self.tooFew(survey))
        }
        var groups: [(server: Endpoint, units: [ClusterUnit])] = []
        var indices: [Endpoint: Int] = [:]
        for unit in units {
            let place = parts[unit.part].place
            guard let server = server(of: place) else {
                isStale = true
                throw .unreachable("no server of the cluster holds slot \(place.slot?.number ?? 0)")
            }
            if let index = indices[server] {
                groups[index].units.append(unit)
            } else {
                indices[server] = groups.count
                groups.append((server, [unit]))
            }
        }
        return groups
    }

    static func tooFew(_ survey: ClusterSurvey) -> String {
        "the cluster has too few primaries with slots, \(survey.primaries.count): it takes \(primariesMin) to elect "
            + "another one"
    }

    /// Keeps the replies to what was carried out, and notes what is left.
    private func settle(
        _ units: [ClusterUnit],
        _ all: [RedisReply],
        from server: Endpoint,
        _ round: inout Round,
        _ replies: inout [[RedisReply?]]
    ) throws(StoreConnection.Fault) {
        var rest = all[...]
        var misplaced: Set<Int> = []
        for unit in units {
            let own = Array(rest.prefix(unit.commands.count))
            rest = rest.dropFirst(unit.commands.count)
            var done: [RedisReply]?
            switch unit.fate(own, from: server) {
            case .done(let own): done = own
            case .moved(let slot, let target):
                learn(slot, target)
                misplaced.insert(unit.part)
            case .ask(let slot, let target):
                if unit.isSingle { done = try ask(unit, target) }
                if done == nil {
                    round.obstruct(Self.moving(slot, to: target), isMoving: true)
                }
            case .notNow(let error):
                isStale = true
                let text = "the store at \(server) is temporarily unavailable: \(error.message)"
                round.obstruct(.unreachable(text), isMoving: error.code == "TRYAGAIN")
            }
            guard let taken = done else {
                round.pending.append(unit)
                continue
            }
            for (offset, reply) in taken.enumerated() {
                replies[unit.part][unit.start + offset] = reply
            }
        }
        // What a server says of itself is of no use if it was the wrong one.
        round.pending += units.filter { $0.isKeyless && misplaced.contains($0.part) }
    }

    private static func moving(_ slot: Slot, to server: Endpoint) -> StoreConnection.Fault {
        .unreachable("slot \(slot) of the cluster is being moved to \(server)")
    }

    /// The reply of the server that a slot is being moved to; `nil` if it turns the command away, too.
    private func ask(_ unit: ClusterUnit, _ target: Endpoint) throws(StoreConnection.Fault)
        -> [RedisReply]?
    {
        do throws(StoreConnection.Fault) {
            let commands = [ClusterCommands.asking] + unit.commands
            let replies = try connection(target).execute(commands)
            guard case .done(let own) = unit.fate(Array(replies.dropFirst()), from: target)
            else { return nil }
            return own
        } catch {
            close(target)
            guard case .unreachable = error else { throw error }
            return nil
        }
    }

    /// Pauses before the next round, unless another server is known to hold what is left.
    private func pause(_ round: inout Round, _ patience: UInt64) throws(StoreConnection.Fault) {
        round.pending.sort { ($0.part, $0.start) < ($1.part, $1.start) }
        guard let obstacle = round.obstacle else {
            round.hops += 1
            guard Self.hopsMax <= round.hops else { return }
            let loop = "the cluster redirects commands in a loop"
            return try wait(until: round.deadline, or: .unreachable(loop), patience)
        }
        let end = round.isMoving ? round.settleEnd : round.deadline
        try wait(until: end, or: obstacle, patience)
    }

    private func wait(until end: MonotonicTime, or fault: StoreConnection.Fault, _ patience: UInt64)
        throws(StoreConnection.Fault)
    {
        guard clock.monotonic < end else {
            let isWhole = Self.standardPatienceMilliseconds <= patience
            hasWaitedInVain = hasWaitedInVain || isWhole
            throw fault
        }
        let pause = clock.monotonic.advanced(byMilliseconds: Self.pauseMilliseconds)
        clock.sleep(until: min(end, pause))
    }
}
