import RedisClient

/// Commands that go to one server of a cluster together: one alone, a transaction, or what is watched and read before
/// one.
struct ClusterUnit {
    /// What became of it.
    enum Fate {
        case done([RedisReply])
        /// Another server holds the slot.
        case moved(Slot, to: Endpoint)
        /// The slot is being moved, and the key is at the target.
        case ask(Slot, to: Endpoint)
        /// It may be carried out a little later.
        case notNow(RedisError)
    }

    /// Index of the part that it belongs to.
    let part: Int

    /// Position of its first command in the part.
    let start: Int
    let commands: [RedisCommand]
    private let kind: Kind

    private enum Kind {
        case single
        /// A single command about the server itself: any server would carry it out.
        case keyless
        case transaction
        case watched
    }

    /// Whether the target of a move carries it out after ``ClusterCommands/asking``.
    var isSingle: Bool { kind == .single }

    /// Whether it depends on the other commands of its part whether it went to the right server.
    var isKeyless: Bool { kind == .keyless }

    /// The units of a part.
    static func units(_ commands: [RedisCommand], part: Int) -> [ClusterUnit] {
        if commands.contains(where: { $0.name == "WATCH" }) {
            return [ClusterUnit(part: part, start: 0, commands: commands, kind: .watched)]
        }
        var units: [ClusterUnit] = []
        var index = 0
        while index < commands.count {
            var end = index + 1
            var kind = Kind.single
            if commands[index].name == "MULTI" {
                let exec = commands[index...].firstIndex { $0.name == "EXEC" }
                (end, kind) = (exec.map { $0 + 1 } ?? commands.count, .transaction)
            } else if ["INFO", "WAIT", "WAITAOF", "SCAN", "PING"].contains(commands[index].name) {
                kind = .keyless
            }
            let slice = Array(commands[index..<end])
            units.append(ClusterUnit(part: part, start: index, commands: slice, kind: kind))
            index = end
        }
        return units
    }

    /// - Parameter server: The one that replied.
    func fate(_ replies: [RedisReply], from server: Endpoint) -> Fate {
        guard let error = misplacement(replies) else { return .done(replies) }
        switch Redirection(error, from: server) {
        case .moved(let slot, let target): return .moved(slot, to: target)
        case .ask(let slot, let target): return .ask(slot, to: target)
        case nil: return .notNow(error)
        }
    }

    /// The error that turned it away; `nil` if it was carried out.
    private func misplacement(_ replies: [RedisReply]) -> RedisError? {
        // A transaction was carried out unless its last reply is an error.
        if kind == .transaction, replies.last?.failure == nil { return nil }
        return replies.lazy.compactMap(\.failure).first(where: \.isTurningAway)
    }
}

extension RedisError {
    /// Whether a server of a cluster turns a command away, or cannot carry it out for now.
    fileprivate var isTurningAway: Bool {
        [
            "MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "LOADING", "READONLY", "MASTERDOWN",
            "UNBLOCKED",
        ]
        .contains(code)
    }
}

extension RedisCommand {
    /// The command's name.
    fileprivate var name: String {
        arguments.first.map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
