/// The commands of the model.
extension ModelRedis {
    private static let whileLoading: Set = ["AUTH", "SELECT", "CLIENT", "SUBSCRIBE", "PUBLISH"]

    func carryOut(_ command: [String], for session: Session) {
        onCommand(session.wire.client, command)
        if isLoading, !Self.whileLoading.contains(command[0]) {
            session.transaction = nil
            return session.answer(.error("LOADING Redis is loading the dataset in memory"))
        }
        if refusesJoins, command.starts(with: ["HSET", "latchkey:gateways"]) {
            return session.answer(.error("NOPERM this user has no permissions to run this"))
        }
        if session.isSubscribed { return carryOutWhileSubscribed(command, session) }
        switch command[0] {
        case "MULTI":
            session.transaction = []
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
                session.transaction?.append(command)
                session.answer(.status("QUEUED"))
            } else {
                carryOutAlone(command, session)
            }
        }
    }

    private func carryOutAlone(_ command: [String], _ session: Session) {
        switch command[0] {
        case "BLPOP": wait(command, session)
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
        let commands = session.transaction
        let isDirty = session.isDirty
        session.transaction = nil
        session.unwatch()
        guard let commands else { return session.answer(.error("ERR EXEC without MULTI")) }
        session.answer(.array(isDirty ? nil : commands.map { reply(to: $0) }))
    }

    private func wait(_ command: [String], _ session: Session) {
        if let element = data.pop(command[1], 1, at: timeline.now)?.first {
            return session.answer(.array([.bulk(command[1]), .bulk(element)]))
        }
        let span = Nanoseconds((Double(command[2]) ?? 0) * 1e9)
        session.blocked = (command[1], timeline.now + span)
        wake(after: span)
    }
}

// MARK: - Commands of the connection

extension ModelRedis {
    private func connectionReply(to command: [String], _ session: Session) -> Reply? {
        switch (command[0], command.dropFirst().first) {
        case ("AUTH", _), ("SELECT", _): return .ok
        case ("PING", let payload): return payload.map { .bulk($0) } ?? .status("PONG")
        case ("TIME", _):
            let time = MachineClock.unixMicroseconds(at: timeline.now)
            return .array([.bulk(String(time / 1_000_000)), .bulk(String(time % 1_000_000))])
        case ("CLIENT", "ID"): return .integer(session.number)
        case ("CLIENT", "TRACKING") where refusesTracking:
            return .error("NOPERM this user has no permissions to run this")
        case ("CLIENT", "TRACKING"): return track(command, session)
        default: return nil
        }
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
        return .integer(countsReceivers ? receivers.count : 0)
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
        case "HGETALL":
            let hash = (data.hashes[key] ?? [:]).sorted { $0.key < $1.key }
            return .array(hash.flatMap { [.bulk($0.key), .bulk($0.value)] })
        case "HSET": return .integer(data.set(key, command[2...]))
        case "HDEL": return .integer(data.remove(key, command[2...]))
        case "DEL": return .integer(data.remove(key) ? 1 : 0)
        case "HINCRBY": return .integer(data.raise(key, command[2], by: Int(command[3]) ?? 0))
        case "ZADD" where command[2] == "GT": return .integer(data.raiseScores(key, command[3...]))
        case "ZINCRBY":
            return .bulk(String(data.addScore(key, command[3], Int64(command[2]) ?? 0)))
        case "ZSCORE": return .bulk(data.scores[key]?[command[2]].map { String($0) })
        default: return replyAboutLists(to: command, key)
        }
    }

    private func replyAboutLists(to command: [String], _ key: String) -> Reply {
        switch command[0] {
        case "RPUSH": return .integer(data.push(key, command[2...], at: timeline.now))
        case "LTRIM":
            data.trim(key, from: Int(command[2]) ?? 0)
            return .ok
        case "EXPIRE":
            let end = timeline.now + .milliseconds(1000 * (UInt64(command[2]) ?? 0))
            return .integer(data.setEnd(key, at: end) ? 1 : 0)
        case "LPOP":
            let elements = data.pop(key, Int(command[2]) ?? 1, at: timeline.now)
            return .array(elements?.map { .bulk($0) })
        case "PUBLISH": return publish(key, command[2])
        case "FLUSHALL":
            flush()
            return .ok
        default: return .error("ERR unknown command '\(command[0])'")
        }
    }

    /// Removes all data, and sends the invalidation of all keys at once.
    private func flush() {
        let records = data.hashes.keys.filter { $0.hasPrefix("latchkey:record:") }.sorted()
        data.removeAll()
        for session in sessions where !session.watched.isEmpty { session.isDirty = true }
        for record in records { onRecord(record, .stranger) }
        for session in sessions {
            guard let tracking = session.tracking, let target = self.session(tracking.target),
                target.isSubscribed
            else { continue }
            target.push(Self.invalidations, .bulk(nil))
        }
    }
}
