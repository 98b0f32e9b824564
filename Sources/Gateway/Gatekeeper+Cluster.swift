import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper follows the primaries of a cluster.
extension Gatekeeper {
    /// How long a starting worker may be without a map, or a new primary without attestation, before that is reported.
    private static let reportDelayMilliseconds: UInt64 = 1000

    /// How often a missing map is reported again: the reason may have changed.
    private static let reminderMilliseconds: UInt64 = 60_000

    /// When ``tickCluster(_:)`` has something to do.
    var clusterDue: MonotonicTime {
        var next = min(cluster.seeds.due, cluster.seats.guestsDue, cluster.retryDue)
        next = min(next, cluster.reportDue ?? .never)
        guard isAnyPlaceReady else {
            return isEnding || cluster.seeds.isSearching ? next : .origin
        }
        if !isEnding || cluster.reader.isRequested { next = min(next, cluster.reader.due) }
        guard !isEnding else { return next }
        if !cluster.seeds.isSearching { next = min(next, cluster.mapOverdue) }
        if cluster.witnesses.needed > 0 { next = min(next, cluster.witnesses.heartbeat.due) }
        return next
    }

    /// The places whose primaries can be asked.
    private var readyPlaces: [Int] { cluster.seats.places.filter { nodes[$0].data.isReady } }

    private func isReady(_ place: Int) -> Bool { place < nodes.count && nodes[place].data.isReady }

    /// Whether there are any. Read at each turn of the event loop.
    private var isAnyPlaceReady: Bool { cluster.seats.places.contains { nodes[$0].data.isReady } }

    /// Queries the map and sends probes, if they are due.
    func tickCluster(_ now: ClockReading) {
        let lacksMap = !isAnyPlaceReady || cluster.mapOverdue <= now.monotonic
        cluster.seeds.search(!isEnding && lacksMap, now.monotonic)
        handleClusterEvents(now)
        for place in cluster.seats.dismissGuests(now.monotonic) { vacate(place, now) }
        if cluster.retryDue <= now.monotonic { resumeReads() }
        if !isEnding || cluster.reader.isRequested { queryMap(now.monotonic) }
        if !isEnding { sendProbes(now.monotonic) }
        reportMissingMap(now.monotonic)
    }

    /// Handles the answers of seeds, and adopts a map that has arrived.
    func handleClusterEvents(_ now: ClockReading) {
        while let answer = cluster.nextSeedAnswer(now.monotonic) {
            receiveMap(answer.reply, answer.query, from: answer.server, now.monotonic)
        }
        while let answer = cluster.pendingAnswer {
            cluster.pendingAnswer = nil
            adopt(answer, now)
        }
    }

    /// The data link to a primary is ready.
    func clusterNodeReady(_ place: Int, _ now: MonotonicTime) {
        requestSlots(of: place, now)
        cluster.witnesses.heartbeat.renewNow(now)
        resumeReads()
    }

    /// The data link to a primary is lost. Checks of its records are answered without it, unless it is being
    /// reconnected.
    func clusterNodeLost(_ place: Int, _ now: ClockReading) {
        cluster.reader.requestMap()
        guard !nodes[place].data.isConnecting(now.monotonic) else { return }
        let isOwned = isOwned(by: place)
        checks.answer(where: isOwned, at: now.monotonic) { decideUnanswered($0, now) }
    }

    /// Whether the primary in a place holds a record.
    private func isOwned(by place: Int) -> (Locator) -> Bool {
        { [seats = cluster.seats] in seats.place(of: Slot(of: $0)) == place }
    }

    /// Retries the reads that no primary could answer.
    func resumeReads() {
        checks.resumeStalledReads()
        cluster.retryDue = .never
    }
}

// MARK: - The map

extension Gatekeeper {
    private func queryMap(_ now: MonotonicTime) {
        guard cluster.reader.due <= now else { return }
        let others = readyPlaces.filter { cluster.reader.mayPrefer($0) }
        if let place = cluster.firstAwaitingSlots(among: others) {
            cluster.reader.requestMap(from: place)
        }
        let next = cluster.reader.nextQuery(readyPlaces, isReady: isReady, now)
        if let (place, query) = next { sendMapQuery(query, to: place, now) }
    }

    private func sendMapQuery(_ query: UInt64, to place: Int, _ now: MonotonicTime) {
        let tag = CommandTag(purpose: .slotMap, number: query, sentAt: now)
        _ = nodes[place].data.send(ClusterCommands.slots, tag: tag, now: now)
    }

    /// Asks a primary for its slots, unless it has listed them since its invalidation link was established. Its
    /// barriers are not acknowledged before.
    func requestSlots(of place: Int, _ now: MonotonicTime) {
        guard nodes[place].lease.isTracking, nodes[place].data.isReady,
            !cluster.hasReportedSlots(place)
        else { return }
        sendMapQuery(cluster.reader.beginQuery(now), to: place, now)
    }

    func handleMap(_ reply: RedisReply, _ tag: CommandTag, from place: Int, _ now: ClockReading) {
        guard let server = nodes[place].endpoint else { return }
        receiveMap(reply, tag.number, from: server, in: place, now.monotonic)
    }

    /// Reads the answer to a map query. The map is adopted after the other events of the turn.
    private func receiveMap(
        _ reply: RedisReply,
        _ query: UInt64,
        from server: Endpoint,
        in place: Int? = nil,
        _ now: MonotonicTime
    ) {
        let fault: String
        do throws(SlotMap.Fault) {
            let map = try SlotMap(reply, from: server)
            if let place, let slots = cluster.slotsListed(by: place, query, map, at: server) {
                slotsReported(slots, by: place, after: query - 1, now)
            }
            if !map.primaries.isEmpty {
                if let place { cluster.reader.answered(place, withMap: true) }
                return accept(Cluster.Answer(map: map, query: query, server: server), now)
            }
            fault = "it knows no primary that holds slots"
        } catch {
            fault = "\(error)"
        }
        cluster.seeds.failed(server, fault)
        guard let place else { return }
        cluster.reader.answered(place, withMap: false)
        guard !cluster.hasReportedSlots(place) else { return }
        log.note(
            .acknowledgementRefused,
            now,
            "no change at the store at \(server) is acknowledged: it returned no usable slot map: \(fault)"
        )
    }

    private func accept(_ answer: Cluster.Answer, _ now: MonotonicTime) {
        guard cluster.reader.acceptAnswer(to: answer.query) else { return }
        cluster.mapAnswered(now)
        cluster.pendingAnswer = answer
    }

    private func adopt(_ answer: Cluster.Answer, _ now: ClockReading) {
        cluster.reportDue = nil
        resumeReads()
        let map = answer.map
        guard !cluster.seats.isAdopted(map) else { return }
        cluster.seeds.remember(map)
        let list = cluster.listPlace
        let unheld = cluster.seats.map?.unheldCount ?? 0
        let change = cluster.adopt(answer, now.monotonic)
        if change.replacesPrimaries { noteMap(map, now.monotonic) }
        if map.unheldCount != unheld { noteUnheldSlots(map, now.monotonic) }
        for occupant in change.occupants { addPlaces(upTo: occupant.place) }
        guard !change.isEmpty || cluster.listPlace != list else { return }
        cluster.mapChanges &+= 1
        if change.replacesPrimaries { cluster.witnesses.heartbeat.renewNow(now.monotonic) }
        let hasNewListServer = change.occupants.contains { $0.place == cluster.listPlace }
        for occupant in change.occupants { seat(occupant, now) }
        for place in change.vacated { vacate(place, now) }
        invalidateSlots(change.moved)
        uses.retryNow(now.monotonic)
        let seats = cluster.seats
        cluster.witnesses.adopt(seats, change)
        if hasNewListServer || cluster.listPlace != list { moveList(now.monotonic) }
        renewLeases()
    }

    private func noteMap(_ map: SlotMap, _ now: MonotonicTime) {
        let primaries = map.primaries.map(\.address.description)
        log.note(
            .mapChanged,
            now,
            "the primaries of the cluster are \(primaries.joined(separator: ", "))"
        )
        guard map.primaries.count < ClusterWitnesses.primariesMin else { return }
        log.note(
            .mapUnknown,
            now,
            "the cluster decides nothing: it has \(map.primaries.count) primaries, and fewer than "
                + "\(ClusterWitnesses.primariesMin) cannot elect one"
        )
    }

    private func noteUnheldSlots(_ map: SlotMap, _ now: MonotonicTime) {
        guard let first = map.firstUnheld else {
            return log.note(.mapChanged, now, "all slots of the cluster have a primary")
        }
        let isListUnheld = map.index(of: MembershipCommands.slot) == nil
        log.note(
            .mapUnknown,
            now,
            "slots of the cluster without a primary: \(map.unheldCount), the lowest is \(first.number)"
                + (isListUnheld ? ": \(Self.notAMember)" : "")
        )
    }

    /// Connects a place to its new primary. Records of the previous one admit keys until their grace ends, and
    /// decide nothing else.
    private func seat(_ occupant: Seats.Occupant, _ now: ClockReading) {
        guard !occupant.wasGuest else { return }
        if nodes[occupant.place].endpoint != nil { metrics.primaryChanges &+= 1 }
        follow(occupant.server.address, in: occupant.place, now)
    }

    /// Connects a place to the target of a slot's move.
    func connectGuest(_ guest: Endpoint, in place: Int, _ now: ClockReading) {
        addPlaces(upTo: place)
        follow(guest, in: place, now)
    }

    private func follow(_ address: Endpoint, in place: Int, _ now: ClockReading) {
        nodes[place].follow(address, now.monotonic)
        cluster.reader.answered(place, withMap: true)
        handleNodeEvents(place, now)
        beginTerm(place, now)
    }

    /// Closes the links of a place that is free now, and invalidates its records.
    private func vacate(_ place: Int, _ now: ClockReading) {
        guard place < nodes.count else { return }
        nodes[place].release(now.monotonic)
        handleNodeEvents(place, now)
        nodes[place].lease.ended()
        cluster.unattested[place] = nil
        for number in nodes[place].numbers { cache.invalidateAll(of: number) }
        cache.setTrust(of: nodes[place].numbers, nodes[place].lease)
    }

    private func addPlaces(upTo place: Int) {
        while nodes.count <= place {
            nodes.add(makeNode(nodes.count))
            #if CANARIES
                nodes[nodes.count - 1].omit(obligations.omitted)
            #endif
        }
    }

    /// Slots have moved: invalidates their cached records and the reads in flight.
    func invalidateSlots(_ slots: SlotSet) {
        guard !slots.isEmpty, obligations.keeps(.movedSlotsAreForgotten) else { return }
        cache.invalidate(in: slots)
        checks.invalidateAllInFlight()
        streams.markStale(in: slots)
    }

    /// A server has reported slots. No server is read for those that the map gives to another one until their
    /// holder is known.
    ///
    /// - Parameter query: The newest map query whose answer may predate the report.
    func slotsReported(
        _ slots: some Sequence<Slot>,
        by place: Int,
        after query: UInt64,
        _ now: MonotonicTime
    ) {
        guard let reporter = nodes[place].endpoint, obligations.keeps(.reportedSlotsAreDoubted)
        else { return }
        let doubted = slots.filter { cluster.slotReported($0, by: reporter, after: query, now) }
        if !doubted.isEmpty { invalidateSlots(doubted.reduce(into: SlotSet()) { $0.insert($1) }) }
    }

    /// The membership list is at another server now.
    func moveList(_ now: MonotonicTime) {
        membership.renewNow(now)
        listLost(now)
    }

    private func reportMissingMap(_ now: MonotonicTime) {
        guard cluster.seats.map == nil || cluster.mapOverdue <= now else { return }
        guard let due = cluster.reportDue else {
            cluster.reportDue = now.advanced(byMilliseconds: Self.reportDelayMilliseconds)
            return
        }
        guard due <= now else { return }
        cluster.reportDue = now.advanced(byMilliseconds: Self.reminderMilliseconds)
        let last =
            cluster.seeds.failure.map { ": the last one at \($0.server): \($0.reason)" } ?? ""
        log.note(.mapUnknown, now, "no server of the cluster returned a usable slot map\(last)")
    }
}

// MARK: - Attestation

extension Gatekeeper {
    private func sendProbes(_ now: MonotonicTime) {
        let probes = cluster.witnesses.nextProbes(cluster.seats.places, now) { place in
            nodes[place].data.isReady
        }
        for probe in probes {
            _ = nodes[probe.witness].data.send(probe.command, tag: probe.tag, now: now)
        }
        if !probes.isEmpty { reportUnattested(now) }
    }

    func handleProbe(_ reply: RedisReply, _ tag: CommandTag, from place: Int, _ now: MonotonicTime)
    {
        guard let asked = nodes[place].endpoint, cluster.seats.isOccupied(place) else { return }
        let result = cluster.witnesses.answered(
            by: place,
            reply,
            tag,
            from: asked,
            about: { nodes[$0].endpoint },
            at: now
        )
        switch result {
        case .named(let named): attest(named, now)
        case .another: cluster.reader.requestMap(from: place)
        case .refused(let error): cluster.probeRefused(by: asked, error, now)
        case .irrelevant: break
        }
    }

    private func attest(_ place: Int, _ now: MonotonicTime) {
        guard let server = nodes[place].endpoint,
            let moment = cluster.witnesses.attestedAt(place, server)
        else { return }
        let wasFenced = isFenced(place, now)
        nodes[place].lease.isAttested(at: moment)
        if cluster.listPlace == place { renewLeases() } else { renewLease(place) }
        guard !wasFenced, isFenced(place, now) else { return }
        nodes[place].retryNow(now)
        resumeReads()
        reportAttested(place, now)
    }

    private func reportUnattested(_ now: MonotonicTime) {
        for place in cluster.seats.places where nodes[place].lease.fencedUntil <= now {
            let wasAttested = nodes[place].lease.attestedAt != nil
            let delay = wasAttested ? 0 : Self.reportDelayMilliseconds
            let due = cluster.unattested[place] ?? now.advanced(byMilliseconds: delay)
            cluster.unattested[place] = due <= now ? .never : due
            guard due <= now else { continue }
            log.note(
                .primaryUnknown,
                now,
                "the store at \(nodes[place].name) decides nothing: fewer than "
                    + "\(cluster.witnesses.needed) of the other primaries have named it within "
                    + "the lease"
                    + cluster.lastProbeRefusal(excluding: nodes[place].endpoint, now)
            )
        }
    }

    private func reportAttested(_ place: Int, _ now: MonotonicTime) {
        guard cluster.unattested.removeValue(forKey: place) == .never else { return }
        log.note(
            .primaryNamed,
            now,
            "\(cluster.witnesses.needed) of the other primaries name the store at "
                + nodes[place].name
        )
    }
}
