import Keyring
import RedisClient

@testable import Administration

/// A connection to the store that reorders commands or falsifies replies.
final class FlawedChannel: StoreChannel {
    private let channel: SimulatedChannel
    private let second: SimulatedChannel
    private let flaw: Flaw.Procedure
    private let bootID: String
    private var early: RedisReply?
    private var members: [String] = []
    private var acknowledgements = 0
    private var isSignalRefused = false

    /// - Parameters:
    ///   - second: Another connection of the same administrator.
    ///   - bootID: The administrator's machine.
    init(
        _ channel: SimulatedChannel,
        second: SimulatedChannel,
        _ flaw: Flaw.Procedure,
        bootID: String
    ) {
        self.channel = channel
        self.second = second
        self.flaw = flaw
        self.bootID = bootID
    }

    var isReady: Bool { channel.isReady }

    func renew() { channel.renew() }

    func execute(
        _ commands: [RedisCommand],
        onSameConnection: Bool
    ) throws(StoreConnection.Fault) -> [RedisReply] {
        if flaw == .listReadTooEarly, early == nil {
            early = try second.execute(FleetReading.commands)[0]
        }
        if flaw == .signalBeforeChange, commands.contains(where: \.isSignal),
            commands.contains(where: { $0.name == "HINCRBY" })
        {
            return try executeWithoutSignal(commands, onSameConnection)
        }
        var replies = try channel.execute(commands, onSameConnection: onSameConnection)
        for (index, command) in commands.enumerated() {
            falsify(&replies[index], of: command)
        }
        if commands.suffix(2) == FleetReading.commands[...] {
            let information = StoreInformation(replies[replies.count - 1])
            falsifyList(&replies[replies.count - 2], term: information?["master_replid"])
        }
        return replies
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
        if command.isSignal, reply.failure != nil { isSignalRefused = true }
        guard flaw == .confirmedByCount, ["BLPOP", "LPOP"].contains(command.name),
            case .array(let elements) = reply
        else { return }
        let ids = command.name == "BLPOP" ? elements.suffix(1) : elements[...]
        reply = .array(
            ids.compactMap { _ in
                acknowledgements += 1
                guard acknowledgements <= members.count else { return nil }
                return .bulk(ArraySlice(members[acknowledgements - 1].utf8))
            }
        )
    }

    private func falsifyList(_ reply: inout RedisReply, term: String?) {
        if let early, flaw == .listReadTooEarly { reply = early }
        guard var list = ListFields(reply) else { return }
        members = list.members
        switch flaw {
        case .graceNotWaitedFor: list.removeGraces()
        case .termUnknownNotWaited: list.believe(term)
        case .termWithoutGeneration: list.believeFormerGenerations(term)
        case .checksumIgnored: list.fitChecksum(term)
        case .silentForgotten:
            list.removeSuspects()
        case .noteOfAnotherBoot: list.takeNotes(as: bootID)
        case .signalMissingNotWaitedOut where isSignalRefused:
            list.removeMembers()
            list.fitChecksum(term)
        default: return
        }
        reply = list.reply
    }
}

/// The fields of the membership list, to be falsified.
private struct ListFields {
    private var fields: [String: String] = [:]

    init?(_ reply: RedisReply) {
        guard case .array(let elements) = reply else { return nil }
        let texts = elements.map { element in
            if case .bulk(let text) = element { String(decoding: text, as: UTF8.self) } else { "" }
        }
        for index in stride(from: 0, to: texts.count - 1, by: 2) {
            fields[texts[index]] = texts[index + 1]
        }
    }

    var reply: RedisReply {
        let texts = fields.sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
        return .array(texts.map { .bulk(ArraySlice($0.utf8)) })
    }

    var members: [String] { fields.keys.filter { $0.utf8.count == 16 }.sorted() }

    private var suspects: [String] { fields.keys.filter { $0.hasPrefix("silent:") } }

    private var generation: String? { fields["generation"] }

    private var checksum: Int64 {
        get { fields["checksum"].flatMap { Int64($0) } ?? 0 }
        set { fields["checksum"] = String(newValue) }
    }

    /// The tokens of all entries and suspects.
    private var tokens: [Int64] {
        fields.filter { $0.value.contains("token=") }.compactMap { _, entry in
            entry.split(separator: " ").first { $0.hasPrefix("token=") }
                .flatMap { Int64($0.dropFirst(6), radix: 16) }
        }
    }

    mutating func removeGraces() {
        for (field, value) in fields where value.contains("grace=") {
            let words = value.split(separator: " ").map { $0.hasPrefix("grace=") ? "grace=0" : $0 }
            fields[field] = words.joined(separator: " ")
        }
    }

    /// Takes an unknown term for one that was handed over.
    mutating func believe(_ term: String?) {
        guard let term, let generation else { return }
        let former = fields.first { $0.key.hasPrefix("term:") }?.value.split(separator: ":").last
        let field = "term:\(term):\(generation)"
        if fields[field] == nil { fields[field] = "4000000000:\(former ?? "0")" }
    }

    mutating func believeFormerGenerations(_ term: String?) {
        guard let term, let generation else { return }
        let former = fields.keys.filter { $0.hasPrefix("term:\(term):") }.sorted().first
        let field = "term:\(term):\(generation)"
        if fields[field] == nil, let former { fields[field] = fields[former] }
    }

    /// Makes the checksum fit the entries.
    mutating func fitChecksum(_ term: String?) {
        guard let term, let generation,
            let excess = fields["term:\(term):\(generation)"]?.split(separator: ":").last
        else { return }
        checksum = tokens.reduce(0, +) - (Int64(excess) ?? 0)
    }

    mutating func removeMembers() {
        for field in members + suspects { fields[field] = nil }
    }

    mutating func removeSuspects() {
        let before = tokens.reduce(0, +)
        for field in suspects { fields[field] = nil }
        checksum -= before - tokens.reduce(0, +)
    }

    /// Takes the notes of any machine for this machine's.
    mutating func takeNotes(as bootID: String) {
        for field in suspects.sorted() {
            let parts = field.split(separator: ":")
            guard parts.count == 4 else { continue }
            fields["\(parts.prefix(3).joined(separator: ":")):\(bootID)"] = fields[field]
        }
    }
}

extension RedisCommand {
    fileprivate var name: String {
        arguments.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    /// Whether the command is a part of a signal.
    fileprivate var isSignal: Bool {
        ["SET", "DEL"].contains(name)
            && arguments.dropFirst().first?.starts(with: ModelRedis.recordPrefix.utf8) == true
    }
}

/// A clock that runs much too fast: an administrator that waits by it waits far too briefly.
struct HastyClock: BlockingClock {
    private static let haste: UInt64 = 20

    let clock: MachineClock
    let timeline: Timeline

    var bootID: String { clock.bootID }

    var monotonic: MonotonicTime {
        let actual = clock.reading(at: timeline.now).monotonic
        return MonotonicTime(nanoseconds: actual.nanoseconds * Self.haste)
    }

    var unix: UnixTime { clock.reading(at: timeline.now).unix }

    func sleep(until moment: MonotonicTime) {
        let actual = MonotonicTime(nanoseconds: moment.nanoseconds / Self.haste)
        timeline.run(until: clock.time(of: actual))
    }
}
