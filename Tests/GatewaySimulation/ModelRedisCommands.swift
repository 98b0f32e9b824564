/// How the model carries commands out: which it refuses, queues, or answers.
extension ModelRedis {
    private static let whileLoading: Set = ["AUTH", "SELECT", "CLIENT", "SUBSCRIBE", "PUBLISH"]
    private static let growing: Set = [
        "HSET", "HSETNX", "HINCRBY", "SET", "INCR", "RPUSH", "ZADD", "ZINCRBY",
    ]
    private static let shrinking: Set = ["HDEL", "DEL", "EXPIRE", "LPOP", "BLPOP", "LTRIM"]

    func carryOut(_ command: [String], for session: Session) {
        onCommand(session.wire.client, command)
        if isLoading, !Self.whileLoading.contains(command[0]) {
            session.transaction = nil
            return session.answer(.error("LOADING Redis is loading the dataset in memory"))
        }
        defer { if session.transaction == nil { session.isAsking = command[0] == "ASKING" } }
        if let redirection = seat?.redirection(of: command, session) {
            if command[0] == "EXEC" {
                session.transaction = nil
                session.unwatch()
            }
            session.transaction?.isBroken = true
            return session.answer(.error(redirection))
        }
        if let refusal = refusal(of: command, session) {
            session.transaction?.isBroken = true
            return session.answer(.error(refusal))
        }
        if session.isSubscribed { return carryOutWhileSubscribed(command, session) }
        switch command[0] {
        case "MULTI":
            session.transaction = Session.Transaction()
            session.answer(.ok)
        case "EXEC": execute(session)
        case "DISCARD":
            session.transaction = nil
            session.unwatch()
            session.answer(.ok)
        case "WATCH" where session.transaction == nil:
            session.watched.formUnion(command[1...])
            session.answer(.ok)
        default:
            if session.transaction != nil {
                session.transaction?.commands.append(command)
                session.answer(.status("QUEUED"))
            } else {
                carryOutAlone(command, session)
            }
        }
    }

    /// Why a command is refused; `nil` if it is not.
    private func refusal(of command: [String], _ session: Session) -> String? {
        let (name, key) = (command[0], command.count > 1 ? command[1] : "")
        let isWorker = if case .worker = session.wire.client { true } else { false }
        let isForbidden =
            name == "HSET" && key == Self.membershipKey && isWorker && refuses(.joins)
            || name == "CLIENT" && key == "TRACKING" && refuses(.tracking)
            || name == "INFO" && refuses(.information)
            || name == "SET" && key.hasPrefix(Self.recordPrefix) && refuses(.signals)
        if isForbidden { return "NOPERM this user has no permissions to run this" }
        let isGrowing = Self.growing.contains(name)
        if isReplica, isGrowing || Self.shrinking.contains(name) || name == "FLUSHALL" {
            return "READONLY You can't write against a read only replica."
        }
        if isGrowing, refuses(.growth) {
            return "OOM command not allowed when used memory > 'maxmemory'."
        }
        if isGrowing || Self.shrinking.contains(name) || name == "PING", refuses(.writes) {
            return "MISCONF Redis is configured to save RDB snapshots"
        }
        return nil
    }

    private func carryOutAlone(_ command: [String], _ session: Session) {
        switch command[0] {
        case "BLPOP": wait(command, session)
        case "WAIT": awaitCopies(command, session)
        case "SUBSCRIBE": subscribe(command, session)
        default: session.answer(connectionReply(to: command, session) ?? reply(to: command))
        }
    }

    private func carryOutWhileSubscribed(_ command: [String], _ session: Session) {
        switch command[0] {
        case "PING":
            session.answer(.array([.bulk("pong"), .bulk(command.dropFirst().first ?? "")]))
        case "SUBSCRIBE": subscribe(command, session)
        default: session.answer(.error("ERR Can't execute '\(command[0])' in this context"))
        }
    }

    private func execute(_ session: Session) {
        let isDirty = session.isDirty
        let transaction = session.transaction
        session.transaction = nil
        session.unwatch()
        guard let transaction else { return session.answer(.error("ERR EXEC without MULTI")) }
        let isRefused = transaction.commands.contains { refusal(of: $0, session) != nil }
        guard !transaction.isBroken, !isRefused else {
            return session.answer(.error("EXECABORT Transaction discarded"))
        }
        session.answer(.array(isDirty ? nil : transaction.commands.map { reply(to: $0) }))
    }

    private func wait(_ command: [String], _ session: Session) {
        if let element = data.pop(command[1], 1)?.first {
            return session.answer(.array([.bulk(command[1]), .bulk(element)]))
        }
        let end = time + ServerTime((Double(command[2]) ?? 0) * 1000)
        session.blocked = (command[1], end)
        wake(at: end)
    }
}

// MARK: - Commands of the connection

extension ModelRedis {
    private func connectionReply(to command: [String], _ session: Session) -> Reply? {
        switch (command[0], command.dropFirst().first) {
        case ("AUTH", _), ("SELECT", _): return .ok
        case ("ASKING", _) where seat != nil: return .ok
        case ("CLUSTER", _): return seat?.reply(to: command)
        case ("PING", let payload): return payload.map { .bulk($0) } ?? .status("PONG")
        case ("CLIENT", "ID"): return .integer(session.number)
        case ("CLIENT", "TRACKING"): return track(command, session)
        case ("ROLE", _): return roleReply
        case ("INFO", let section): return .bulk(information(section ?? ""))
        default: return nil
        }
    }

    private func information(_ section: String) -> String {
        let lines =
            section == "replication"
            ? replicationInformation
            : [
                "# Server", "redis_version:\(hasThreads ? "8.0.3" : "7.0.15")",
                "io_threads_active:\(hasThreads ? 1 : 0)",
            ]
        return lines.map { "\($0)\r\n" }.joined()
    }

    private func track(_ command: [String], _ session: Session) -> Reply {
        guard command.count == 8, command[2...3] == ["ON", "REDIRECT"],
            let target = Int(command[4]),
            command[5...6] == ["BCAST", "PREFIX"]
        else { return .error("ERR syntax error") }
        guard self.session(target) != nil else {
            return .error("ERR The client ID you want redirect to does not exist")
        }
        session.tracking = Session.Tracking(target: target, prefix: command[7])
        return .ok
    }

    private func subscribe(_ command: [String], _ session: Session) {
        for channel in command[1...] {
            session.channels.insert(channel)
            session.answer(
                .array([.bulk("subscribe"), .bulk(channel), .integer(session.channels.count)])
            )
        }
    }

    private func publish(_ channel: String, _ text: String) -> Reply {
        let receivers = sessions.filter { $0.channels.contains(channel) }
        for receiver in receivers { receiver.push(channel, .bulk(text)) }
        return .integer(receivers.count)
    }
}

// MARK: - Commands on data

extension ModelRedis {
    func reply(to command: [String]) -> Reply {
        let key = command.count > 1 ? command[1] : ""
        switch command[0] {
        case "HMGET":
            let hash = data.hashes[key]
            return .array(command[2...].map { .bulk(hash?[$0]) })
        case "HGET": return .bulk(data.hashes[key]?[command[2]])
        case "HEXISTS": return .integer(data.hashes[key]?[command[2]] == nil ? 0 : 1)
        case "HGETALL":
            let hash = (data.hashes[key] ?? [:]).sorted { $0.key < $1.key }
            return .array(hash.flatMap { [.bulk($0.key), .bulk($0.value)] })
        case "HSET": return .integer(data.set(key, command[2...]))
        case "HSETNX":
            guard data.hashes[key]?[command[2]] == nil else { return .integer(0) }
            return .integer(data.set(key, command[2...]))
        case "HDEL": return .integer(data.remove(key, command[2...]))
        case "HINCRBY": return .integer(data.raise(key, command[2], by: Int(command[3]) ?? 0))
        case "ZADD" where command[2] == "GT": return .integer(data.raiseScores(key, command[3...]))
        case "ZINCRBY":
            return .bulk(String(data.addScore(key, command[3], Int64(command[2]) ?? 0)))
        case "ZSCORE": return .bulk(data.scores[key]?[command[2]].map { String($0) })
        default: return replyAboutKeys(to: command, key)
        }
    }

    private func replyAboutKeys(to command: [String], _ key: String) -> Reply {
        switch command[0] {
        case "SET": return set(command, key)
        case "INCR": return .integer(data.raiseString(key))
        case "DEL": return .integer(command[1...].count { data.remove($0) })
        case "EXPIRE":
            let end = time + 1000 * (ServerTime(command[2]) ?? 0)
            return .integer(data.setEnd(key, at: end) ? 1 : 0)
        case "RPUSH": return .integer(data.push(key, command[2...]))
        case "LPOP" where command.count == 2: return .bulk(data.pop(key, 1)?.first)
        case "LPOP":
            return .array(data.pop(key, Int(command[2]) ?? 1)?.map { .bulk($0) })
        case "LTRIM":
            data.trim(key, toLast: -(Int(command[2]) ?? 0))
            return .ok
        case "LRANGE":
            let list = data.lists[key] ?? []
            return .array(list.suffix(-(Int(command[2]) ?? 0)).map { .bulk($0) })
        case "SCAN":
            let keys = data.hashes.keys.filter { $0.hasPrefix(Self.recordPrefix) }.sorted()
            return .array([.bulk("0"), .array(keys.map { .bulk($0) })])
        case "PUBLISH": return publish(key, command[2])
        case "FLUSHALL":
            flush()
            return .ok
        default: return .error("ERR unknown command '\(command[0])'")
        }
    }

    /// SET with NX and PX.
    private func set(_ command: [String], _ key: String) -> Reply {
        if command.contains("NX"), data.strings[key] != nil { return .bulk(nil) }
        data.setString(key, command[2])
        if let index = command.firstIndex(of: "PX") {
            _ = data.setEnd(key, at: time + (ServerTime(command[index + 1]) ?? 0))
        }
        return .ok
    }

    /// Removes all data.
    func flush() {
        if !isReplica { emit(.flush) }
        let records = data.hashes.keys.filter { $0.hasPrefix(Self.recordPrefix) }.sorted()
        data.removeAll()
        for session in sessions where !session.watched.isEmpty { session.isDirty = true }
        for record in records { onRecord(record, .stranger) }
        invalidateAll()
    }

    /// Sends the invalidation of all keys at once.
    func invalidateAll() {
        for session in sessions {
            guard let tracking = session.tracking, let target = self.session(tracking.target),
                target.isSubscribed
            else { continue }
            target.push(Self.invalidations, .bulk(nil))
        }
    }
}
