import Keyring
import RedisClient

/// A copy of a record, from some moment.
struct RecordCopy {
    let key: String
    let hash: [String: String]
}

/// The faults of a world.
extension World {
    func scheduleFault() {
        guard !isEnding, !scenario.faults.isEmpty else { return }
        timeline.after(timeline.chance.span(mean: scenario.faultPause)) { [self] in
            scheduleFault()
            guard !isEnding, let fault = timeline.chance.element(of: scenario.faults) else {
                return
            }
            inject(fault)
        }
    }

    private func inject(_ fault: Fault) {
        let span = timeline.chance.span(mean: scenario.faultLength)
        timeline.log("fault: \(fault), \(span / 1_000_000) ms")
        judge.troubledUntil = max(judge.troubledUntil, timeline.now + span)
        let machine = timeline.chance.element(of: machines)!
        switch fault {
        case .stall: if let wire = network.wire() { network.stall(wire, for: span) }
        case .cut: if let wire = network.wire() { network.cut(wire, within: span) }
        case .halfOpen: if let wire = network.wire() { network.halfOpen(wire) }
        case .closeByStore:
            if let session = timeline.chance.element(of: store.sessions) { store.kill(session) }
        case .lateInvalidations:
            if let pipe = invalidationSession?.wire.down {
                pipe.hold(until: timeline.now + span, isInMiddle: timeline.chance.percent(50))
            }
        case .lateAnswers:
            if let wire = dataSession?.wire { wire.down.hold(until: timeline.now + span) }
        case .overrun: if let session = invalidationSession { store.kill(session, isLost: true) }
        case .partition:
            if let worker = machine.worker { network.part(.worker(worker.number), for: span) }
        case .stopWorker: machine.worker?.stop(for: span)
        case .stopStore:
            store.pause()
            timeline.after(span) { [self] in store.resume() }
        case .restartStore: restartStore(after: span)
        case .restartWithoutList:
            restartStore(after: span / 16)
            store.loseList()
        case .replaceWorker: replaceWorker(at: machine, after: span)
        case .reloadWorker: reloadWorker(at: machine, after: span)
        case .emptyStore: emptyStore(for: span)
        case .putBack: putBack()
        case .strayMessage: sendStrayMessage()
        case .removeList: network.send([RedisCommand("DEL", .text(ModelRedis.membershipKey))])
        case .removeField: removeField()
        case .removeWorker: removeWorker()
        case .importRecords: importRecords()
        case .swapDatabases:
            let copy = store.data
            timeline.after(span) { [self] in
                if isEnding { return }
                store.swap(copy)
                judge.swappedAt = timeline.now
            }
        case .beginTerm: store.beginTerm()
        case .failOver, .deafSentinel, .hideSentinel, .stopSentinel, .lateReplication,
            .cutReplication, .failOverBehind, .cutOff, .hearLate, .hearNews, .loseEntry,
            .returnToPrimary:
            if let deployment { inject(fault, deployment, span) }
        case .failOverShard, .failOverShards, .moveSlot, .takeSlot, .failOverShardBehind,
            .cutOffShard, .listRecords:
            if let cluster { inject(fault, cluster, span) }
        case .stepClock: store.stepClock(by: timeline.chance.percent(50) ? 90_000 : -90_000)
        case .refuseJoins: store.refuse(.joins, for: span)
        case .refuseTracking: store.refuse(.tracking, for: span)
        case .refuseInformation: store.refuse(.information, for: span)
        case .refuseSignals: store.refuse(.signals, for: span)
        case .refuseWrites:
            store.refuse(timeline.chance.percent(50) ? .growth : .writes, for: span)
        }
    }

    private func restartStore(after span: Nanoseconds) {
        store.die(isNotified: timeline.chance.percent(70))
        timeline.after(span) { [self] in store.start() }
    }

    /// The connections to all servers that have the say.
    private var sessions: [Session] {
        cluster?.primaries.flatMap(\.sessions) ?? store.sessions
    }

    /// A random invalidation link.
    private var invalidationSession: Session? {
        timeline.chance.element(of: sessions.filter(\.isSubscribed))
    }

    /// A random data link of a worker.
    private var dataSession: Session? {
        timeline.chance.element(
            of: sessions.filter {
                if case .worker = $0.wire.client { !$0.isSubscribed } else { false }
            }
        )
    }

    private func replaceWorker(at machine: Machine, after span: Nanoseconds) {
        guard let worker = machine.running else { return }
        worker.die(isNotified: timeline.chance.percent(70))
        timeline.after(timeline.chance.percent(70) ? 0 : span) { [self] in
            if machine.worker === worker { startWorker(at: machine) }
        }
    }

    /// The new worker starts before the old one has ended, as after `nginx -s reload`, or some time
    /// later.
    private func reloadWorker(at machine: Machine, after span: Nanoseconds) {
        guard let worker = machine.running else { return }
        worker.retire()
        if timeline.chance.percent(50) { return startWorker(at: machine) }
        timeline.after(span) { [self] in
            if machine.worker === worker { startWorker(at: machine) }
        }
    }
}

// MARK: - Strangers' access to the store

extension World {
    /// Follows the commands and records of the store.
    func watchStore() {
        if let cluster { return watch(cluster) }
        guard let deployment else { return watch(store, 0) }
        judge.ledger.servers = deployment.servers.map { _ in Ledger.Server() }
        for (number, server) in deployment.servers.enumerated() { watch(server, number) }
        watch(deployment)
    }

    func watch(_ store: ModelRedis, _ number: Int) {
        let names = Dictionary(
            uniqueKeysWithValues: organizations.map { ("latchkey:record:{\($0.locator)}", $0.name) }
        )
        store.onRecord = { [unowned self, unowned store] key, client in
            guard let name = names[key] else { return }
            let hash = store.data.hashes[key]
            if let hash, timeline.chance.percent(30) { keepCopy(RecordCopy(key: key, hash: hash)) }
            judge.ledger.note(hash, of: name, at: timeline.now, by: client, on: number)
            let now = judge.ledger.history(name, at: number).last!
            timeline.log("\(name) is at version \(now.version) by \(client)")
            judge.ledger.withdrawPromises(of: now, by: client)
        }
        store.onCopy = { [unowned self, unowned store] key in
            guard let name = names[key] else { return }
            let hash = store.data.hashes[key]
            // In a cluster, a record that goes is elsewhere.
            guard hash != nil || cluster == nil else { return }
            judge.ledger.note(hash, of: name, at: timeline.now, by: nil, on: number)
        }
        store.onCommand = { [unowned self] client, command in
            if case .worker(let number) = client { judge.noteServed(number) }
            guard command.count > 1, command[1].hasPrefix(ModelRedis.recordPrefix) else { return }
            switch (command[0], names[command[1]]) {
            case ("WATCH", _): judge.ledger.noteWatch(by: client)
            case ("HMGET", let name?): judge.ledger.noteRead(name, by: client, at: number)
            case ("HMGET", nil) where command[2...] == ["state"] && cluster != nil:
                break  // Asks the others whom they name.
            case ("HMGET", nil): timeline.fail("G5: \(client) reads \(command[1])")
            default: break
            }
        }
    }

    private func keepCopy(_ copy: RecordCopy) {
        copies.append(copy)
        if copies.count > 8 { copies.removeFirst() }
    }

    /// FLUSHALL. The records are restored from a copy after a while, or generated again.
    private func emptyStore(for span: Nanoseconds) {
        let records = store.data.hashes.filter { $0.key.hasPrefix("latchkey:record:") }
            .sorted { $0.key < $1.key }.map { RecordCopy(key: $0.key, hash: $0.value) }
        let isRestored = timeline.chance.percent(50)
        network.send([RedisCommand("FLUSHALL")])
        if isRestored {
            timeline.after(timeline.chance.percent(50) ? 0 : span) { [self] in
                if !isEnding { records.forEach(write) }
            }
        }
    }

    private func putBack() {
        if let copy = timeline.chance.element(of: copies) { write(copy) }
    }

    private func write(_ copy: RecordCopy) {
        var set = RedisCommand("HSET", .text(copy.key))
        for (field, value) in copy.hash.sorted(by: { $0.key < $1.key }) {
            set.append(.text(field))
            set.append(.text(value))
        }
        network.send(
            [
                RedisCommand("MULTI"), RedisCommand("DEL", .text(copy.key)), set,
                RedisCommand("EXEC"),
            ]
        )
    }

    /// Removes a field of the membership list, most often an entry.
    private func removeField() {
        let fields = (store.data.hashes[ModelRedis.membershipKey] ?? [:]).keys.sorted()
        let entries = fields.filter { $0.utf8.count == 16 }
        let isEntry = timeline.chance.percent(70)
        guard let field = timeline.chance.element(of: isEntry ? entries : fields) else { return }
        network.send([RedisCommand("HDEL", .text(ModelRedis.membershipKey), .text(field))])
    }

    private func sendStrayMessage() {
        guard timeline.chance.percent(70),
            let organization = timeline.chance.element(of: organizations)
        else {
            return network.send(
                [RedisCommand("PUBLISH", .text(ModelRedis.invalidations), "hello")]
            )
        }
        let id = SignalID(at: UnixTime(milliseconds: store.time), using: &timeline.chance)
        let kind = timeline.chance.percent(50) ? Signal.Kind.barrier : .flush
        network.send(Signal(kind, about: organization.locator, id: id).transaction)
    }
}
