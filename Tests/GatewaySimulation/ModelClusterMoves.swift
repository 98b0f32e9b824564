/// How a slot gets another holder.
extension ModelCluster {
    /// How a slot is taken.
    enum Move: CaseIterable {
        /// Step by step: keys that have moved are asked for at the target until the slot is settled.
        case orderly
        /// The same, and it breaks off in the middle for a while.
        case interrupted
        /// The target has a copy and takes the slot, and the holder hears of it some time.
        case forced
    }

    /// Moves the slot of a key to another primary.
    func move(_ key: String, _ move: Move) {
        let slot = ModelSlots.slot(of: key)
        let source = holders[slot]
        let others = holders.servers.filter { $0 != source }
        guard !isMoving, !isFailingOver, isAgreed, let target = timeline.chance.element(of: others),
            isWell(source), isWell(target)
        else { return }
        isMoving = true
        timeline.log("slot \(slot) moves to \(servers[target].endpoint), \(move)")
        if move == .forced {
            timeline.after(pause) { [self] in settle(slot, source, target, isForced: true) }
            return
        }
        seats[target].importing[slot] = source
        timeline.after(pause) { [self] in
            seats[source].migrating[slot] = target
            let wait = move == .interrupted ? 8 * span : pause
            timeline.after(wait) { [self] in moveKeys(of: slot, source, target) }
        }
    }

    private var pause: Nanoseconds { timeline.chance.number(200_000...span / 4) }

    private func isWell(_ number: Int) -> Bool {
        servers[number].condition == .running && servers[number].leader == nil
            && !seats[number].isDown
    }

    private func moveKeys(of slot: Int, _ source: Int, _ target: Int) {
        guard isWell(source), isWell(target), isConnected(source, target), holders[slot] == source
        else {
            return abort(slot, source, target)
        }
        guard let key = servers[source].keys(ofSlot: slot).first else {
            timeline.after(pause) { [self] in settle(slot, source, target, isForced: false) }
            return
        }
        copy(key, source, target)
        servers[source].change { _ = $0.remove(key) }
        onChange()
        timeline.after(pause) { [self] in moveKeys(of: slot, source, target) }
    }

    private func copy(_ key: String, _ source: Int, _ target: Int) {
        let value = servers[source].data.value(of: key)
        servers[target].change { $0.put(key, value) }
    }

    /// CLUSTER SETSLOT NODE at the target, then at the source.
    private func settle(_ slot: Int, _ source: Int, _ target: Int, isForced: Bool) {
        guard isWell(source), isWell(target), holders[slot] == source else {
            return abort(slot, source, target)
        }
        if isForced {
            for key in servers[source].keys(ofSlot: slot) { copy(key, source, target) }
            onTaking(slot)
        }
        lastEpoch += 1
        let seat = seats[target]
        seat.epochs[target] = lastEpoch
        seat.holders[slot] = target
        seat.importing[slot] = nil
        holders[slot] = target
        for other in seats where other.leaders[other.number] == target {
            if isConnected(target, other.number) { other.hear(seat) }
        }
        spread(target)
        onChange()
        guard !isForced else {
            isMoving = false
            return
        }
        timeline.after(pause) { [self] in
            if isConnected(source, target) { seats[source].hear(seats[target]) }
            isMoving = false
        }
    }

    /// The slot stays where it is; the keys that have moved come back once both servers run.
    private func abort(_ slot: Int, _ source: Int, _ target: Int) {
        let (holder, target) = (holders[slot], heir(of: target))
        guard holder != target else {
            isMoving = false
            return
        }
        guard isWell(holder), isWell(target) else {
            timeline.after(span) { [self] in abort(slot, source, target) }
            return
        }
        for key in servers[target].keys(ofSlot: slot) {
            if !servers[holder].data.exists(key) { copy(key, target, holder) }
            servers[target].change { _ = $0.remove(key) }
        }
        for seat in seats {
            seat.migrating[slot] = nil
            seat.importing[slot] = nil
        }
        onChange()
        isMoving = false
    }

    /// The server that was promoted in place of one that follows it now.
    private func heir(of number: Int) -> Int {
        servers.firstIndex { $0 === servers[number].leader } ?? number
    }
}

// MARK: - Keys of slots

extension ModelRedis {
    func keys(ofSlot slot: Int) -> [String] {
        data.allKeys.filter { ModelSlots.slot(of: $0) == slot }
    }

    /// Changes data as a command of nobody.
    func change(_ body: (inout Dataset) -> Void) {
        guard !isReplica else { return }
        body(&data)
        noteChanges(by: nil)
        wake()
    }

    /// Deletes the keys of slots that another server holds now.
    ///
    /// - Parameter tells: Whether those that track changes are told.
    func deleteKeys(tells: Bool, where isLost: (Int) -> Bool) {
        guard !isReplica else { return }
        for key in data.allKeys where isLost(ModelSlots.slot(of: key)) { _ = data.remove(key) }
        if tells {
            noteChanges(by: nil)
            wake()
        } else {
            propagate(data.drainTouched())
        }
    }
}
