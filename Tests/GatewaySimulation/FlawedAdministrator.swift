import Keyring
import RedisClient

@testable import Administration

/// A connection to the store that reorders commands or falsifies replies.
final class FlawedChannel: StoreChannel {
    private let channel: any StoreChannel
    private let second: any StoreChannel
    private let connect: (Endpoint) -> any StoreChannel
    private let flaw: Flaw.Procedure
    private let bootID: String
    private let followers: (Endpoint) -> Set<Endpoint>
    private let memory: Memory

    /// What an administrator has seen.
    private final class Memory {
        var early: RedisReply?
        var members: [String] = []
        var acknowledgements = 0
        var isSignalRefused = false

        /// The first survey of the cluster.
        var survey: ClusterSurvey?
    }

    /// - Parameters:
    ///   - second: Another connection of the same administrator.
    ///   - bootID: The administrator's machine.
    ///   - followers: The replicas that a server of a cluster has.
    ///   - connect: Connects to one of several servers.
    init(
        _ channel: any StoreChannel,
        second: any StoreChannel,
        _ flaw: Flaw.Procedure,
        bootID: String,
        followers: @escaping (Endpoint) -> Set<Endpoint> = { _ in [] },
        connect: @escaping (Endpoint) -> any StoreChannel
    ) {
        memory = Memory()
        self.followers = followers
        self.connect = connect
        self.channel = channel
        self.second = second
        self.flaw = flaw
        self.bootID = bootID
    }

    private init(_ other: FlawedChannel, at place: Place) {
        (channel, second) = (other.channel.at(place), other.second.at(place))
        (flaw, bootID, memory) = (other.flaw, other.bootID, other.memory)
        (connect, followers) = (other.connect, other.followers)
    }

    /// The part of a cluster that has one place.
    func at(_ place: Place) -> any StoreChannel {
        channel.cluster == nil ? self : FlawedChannel(self, at: place)
    }

    var isReady: Bool { channel.isReady }

    func renew() { channel.renew() }

    var replicated: (any ReplicatedStore)? { channel.replicated == nil ? nil : self }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if flaw == .listReadTooEarly, memory.early == nil {
            memory.early = try second.execute(FleetReading.commands)[0]
        }
        if flaw == .signalBeforeChange, commands.contains(where: \.isSignal),
            commands.contains(where: { $0.name == "HINCRBY" })
        {
            return try executeWithoutSignal(commands, onSameConnection)
        }
        if commands.first?.name == "WAIT", let reply = try replyToWait(commands[0]) {
            return [reply]
        }
        var replies = try channel.execute(commands, onSameConnection: onSameConnection)
        if flaw == .transactionRepeated, onSameConnection, commands.last?.name == "EXEC",
            replies.last?.failure != nil
        {
            replies = try repeating(commands)
        }
        for (index, command) in commands.enumerated() {
            falsify(&replies[index], of: command)
        }
        if commands.suffix(2) == FleetReading.commands[...] {
            let information = StoreInformation(replies[replies.count - 1])
            falsifyList(&replies[replies.count - 2], term: information?["master_replid"])
        }
        return replies
    }

    /// A falsified reply to WAIT; `nil` if it is to be sent.
    private func replyToWait(_ command: RedisCommand) throws(StoreConnection.Fault) -> RedisReply? {
        switch flaw {
        case .copiesIgnored: return .integer(2)
        case .waitOnFreshConnection:
            guard let primary = channel.replicated?.connected?.primary else { return nil }
            return try connect(primary.address).execute([command])[0]
        default: return nil
        }
    }

    /// Sends the signal of a transaction before it.
    private func executeWithoutSignal(
        _ commands: [RedisCommand],
        _ onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        let signal = commands.filter(\.isSignal)
        let transaction = [RedisCommand("MULTI")] + signal + [RedisCommand("EXEC")]
        _ = try second.execute(transaction)
        let others = commands.filter { !$0.isSignal }
        var replies = try channel.execute(others, onSameConnection: onSameConnection)
        for (index, command) in commands.enumerated() where command.isSignal {
            replies.insert(.status(ArraySlice("QUEUED".utf8)), at: index)
        }
        if let exec = commands.firstIndex(where: { $0.name == "EXEC" }),
            case .array(let results) = replies[exec]
        {
            let ok = RedisReply.status(ArraySlice("OK".utf8))
            replies[exec] = .array(results + [ok, .integer(1)])
        }
        return replies
    }

    private func falsify(_ reply: inout RedisReply, of command: RedisCommand) {
        if command.isSignal, reply.failure != nil { memory.isSignalRefused = true }
        guard flaw == .confirmedByCount, ["BLPOP", "LPOP"].contains(command.name),
            case .array(let elements) = reply
        else { return }
        let ids = command.name == "BLPOP" ? elements.suffix(1) : elements[...]
        reply = .array(
            ids.compactMap { _ in
                memory.acknowledgements += 1
                guard memory.acknowledgements <= memory.members.count else { return nil }
                return .bulk(ArraySlice(memory.members[memory.acknowledgements - 1].utf8))
            }
        )
    }

    private func falsifyList(_ reply: inout RedisReply, term: String?) {
        if let early = memory.early, flaw == .listReadTooEarly { reply = early }
        guard var list = ListFields(reply) else { return }
        memory.members = list.members
        switch flaw {
        case .graceNotWaitedFor: list.removeGraces()
        case .termUnknownNotWaited: list.believe(term)
        case .termWithoutGeneration: list.believeFormerGenerations(term)
        case .emptyStoreNotWaited where !list.hasTerms: list.believe(term)
        case .checksumIgnored: list.fitChecksum(term)
        case .silentForgotten:
            list.removeSuspects()
        case .noteOfAnotherBoot: list.takeNotes(as: bootID)
        case .signalMissingNotWaitedOut where memory.isSignalRefused:
            list.removeMembers()
            list.fitChecksum(term)
        default: return
        }
        reply = list.reply
    }
}

extension FlawedChannel: ReplicatedStore {
    var patienceMilliseconds: UInt64 {
        get { channel.replicated?.patienceMilliseconds ?? 0 }
        set { channel.replicated?.patienceMilliseconds = newValue }
    }

    var connected: NamedPrimary? { (channel.replicated?.connected).map(falsified) }

    func findPrimary(unanimously: Bool) throws(StoreConnection.Fault) -> NamedPrimary {
        guard let replicated = channel.replicated else {
            throw .unreachable("there is one server alone")
        }
        return falsified(try replicated.findPrimary(unanimously: unanimously))
    }

    private func falsified(_ named: NamedPrimary) -> NamedPrimary {
        guard channel.cluster != nil, flaw == .copiesOfServer else { return named }
        let replicas = followers(named.primary.address)
        return NamedPrimary(
            primary: named.primary,
            replicaCount: replicas.count,
            replicas: replicas
        )
    }
}

// MARK: - In a cluster

extension FlawedChannel: ClusteredStore {
    var cluster: (any ClusteredStore)? { channel.cluster == nil ? nil : self }

    func carryOut(_ parts: [PlacedCommands]) throws(StoreConnection.Fault) -> [[RedisReply]] {
        guard let cluster = channel.cluster else { throw .unreachable("there is no cluster") }
        return try cluster.carryOut(parts)
    }

    func owner(of place: Place) -> Primary? { channel.cluster?.owner(of: place) }

    func isAgreed(on place: Place) -> Bool {
        flaw == .holderNotAgreed || channel.cluster?.isAgreed(on: place) ?? true
    }

    func refresh() throws(StoreConnection.Fault) -> ClusterSurvey {
        if flaw == .movesIgnored, let survey = memory.survey { return survey }
        guard let cluster = channel.cluster else { throw .unreachable("there is no cluster") }
        let survey = try cluster.refresh()
        memory.survey = survey
        return survey
    }

    func terms() -> [Term]? { channel.cluster?.terms() }

    /// Repeats a transaction whose `MULTI` went before it.
    private func repeating(_ commands: [RedisCommand]) throws(StoreConnection.Fault) -> [RedisReply]
    {
        Array(try channel.execute([RedisCommand("MULTI")] + commands).dropFirst())
    }
}

extension ModelCluster {
    /// The replicas that a server itself has.
    func followers(of server: Endpoint) -> Set<Endpoint> {
        let followers = servers.first { $0.endpoint == server }?.followers ?? []
        return Set(followers.filter { !$0.isBroken }.map(\.follower.endpoint))
    }
}

extension RedisCommand {
    var name: String {
        arguments.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Whether the command is a part of a signal.
    var isSignal: Bool {
        ["SET", "DEL"].contains(name)
            && arguments.dropFirst().first?.starts(with: ModelRedis.recordPrefix.utf8) == true
    }
}
