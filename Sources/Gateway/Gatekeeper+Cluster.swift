import KeyFormat
import Keyring
import RedisClient

/// How the gatekeeper follows the primaries of a cluster.
extension Gatekeeper {
    /// A worker that starts has this long to find a map before it complains.
    private static let silenceMilliseconds: UInt64 = 1000

    /// It repeats that so often, because the reason may be another one.
    private static let reminderMilliseconds: UInt64 = 60_000

    /// When the cluster needs something.
    var clusterDue: MonotonicTime {
        var next = min(cluster.seeds.due, cluster.seats.guestsDue, cluster.retryDue)
        next = min(next, cluster.reportDue ?? .never)
        guard isAnyPlaceReady else {
            return isEnding || cluster.seeds.isSearching ? next : .origin
        }
        if !isEnding || cluster.reader.isWanted { next = min(next, cluster.reader.due) }
        guard !isEnding else { return next }
        if !cluster.seeds.isSearching { next = min(next, cluster.mapOverdue) }
        if cluster.witnesses.needed > 0 { next = min(next, cluster.witnesses.heartbeat.due) }
        return next
    }

    /// The places whose primaries can be asked.
    private var readyPlaces: [Int] { cluster.seats.places.filter { nodes[$0].data.isReady } }

    private func isReady(_ place: Int) -> Bool { place < nodes.count && nodes[place].data.isReady }

    /// Whether there is one. Asked at each turn of the event loop.
    private var isAnyPlaceReady: Bool { cluster.seats.places.contains { nodes[$0].data.isReady } }

    /// Asks for the map and for attestations, if it is time.
    func tickCluster(_ now: ClockReading) {
        let lacksMap = !isAnyPlaceReady || cluster.mapOverdue <= now.monotonic
        cluster.seeds.search(!isEnding && lacksMap, now.monotonic)
        handleClusterEvents(now)
        for place in cluster.seats.dismissGuests(now.monotonic) { empty(place, now) }
        if cluster.retryDue <= now.monotonic { resumeReads() }
        if !isEnding || cluster.reader.isWanted { readMap(now.monotonic) }
        if !isEnding { sendProbes(now.monotonic) }
        reportLackOfMap(now.monotonic)
    }

    /// Takes answers of seeds, and adopts a map that has arrived.
    func handleClusterEvents(_ now: ClockReading) {
        while let answer = cluster.nextSeedAnswer(now.monotonic) {
            take(answer.reply, answer.number, from: answer.server, now.monotonic)
        }
        while let arrived = cluster.arrived {
            cluster.arrived = nil
            adopt(arrived, now)
        }
    }

    /// A primary can be asked.
    func clusterNodeReady(_ place: Int, _ now: MonotonicTime) {
        hear(place, now)
        cluster.witnesses.heartbeat.renewNow(now)
        resumeReads()
    }

    /// A connection to a primary is gone. Checks of its records are answered without it, unless another takes its
    /// place at once.
    func clusterNodeLost(_ place: Int, _ now: ClockReading) {
        cluster.reader.want()
        guard !nodes[place].data.isConnecting(now.monotonic) else { return }
        let isOwned = isOwned(by: place)
        checks.answer(where: isOwned, at: now.monotonic) { decideUnanswered($0, now) }
    }

    /// Whether the primary in a place holds a record.
    private func isOwned(by place: Int) -> (Locator) -> Bool {
        { [seats = cluster.seats] in seats.place(of: Slot(of: $0)) == place }
    }

    /// Reads that nobody answered may be answered now.
    func resumeReads() {
        checks.resumeStalledReads()
        cluster.retryDue = .never
    }
}

// MARK: - The map

extension Gatekeeper {
    private func readMap(_ now: MonotonicTime) {
        guard cluster.reader.due <= now else { return }
        let others = readyPlaces.filter { cluster.reader.mayPrefer($0) }
        if let place = cluster.firstUnheard(others) { cluster.reader.want(from: place) }
        let next = cluster.reader.next(readyPlaces, isReady: isReady, now)
        if let (place, number) = next { ask(place, number, now) }
    }

    private func ask(_ place: Int, _ number: UInt64, _ now: MonotonicTime) {
        let tag = CommandTag(purpose: .slotMap, number: number, sentAt: now)
        _ = nodes[place].data.send(ClusterCommands.slots, tag: tag, now: now)
    }

    /// A primary is asked which slots it holds, where it has not said so since its invalidation link stood. Until it
    /// has, no signal of it is acknowledged.
    func hear(_ place: Int, _ now: MonotonicTime) {
        guard nodes[place].lease.isTracking, nodes[place].data.isReady, !cluster.isHeard(place)
        else { return }
        ask(place, cluster.reader.ask(now), now)
    }

    func handleMap(_ reply: RedisReply, _ tag: CommandTag, from place: Int, _ now: ClockReading) {
        guard let server = nodes[place].endpoint else { return }
        take(reply, tag.number, from: server, in: place, now.monotonic)
    }

    /// Reads an answer. It is adopted once the events of the turn have been handled.
    private func take(
        _ reply: RedisReply,
        _ number: UInt64,
        from server: Endpoint,
        in place: Int? = nil,
        _ now: MonotonicTime
    ) {
        let fault: String
        do throws(SlotMap.Fault) {
            let map = try SlotMap(reply, from: server)
            if let place, let slots = cluster.heard(place, number, map, at: server) {
                told(of: slots, by: place, after: number - 1, now)
            }
            if !map.primaries.isEmpty {
                if let place { cluster.reader.answered(place, withMap: true) }
                return take(Cluster.Answer(map: map, number: number, server: server), now)
            }
            fault = "it knows no primary that holds slots"
        } catch {
            fault = "\(error)"
        }
        cluster.seeds.failed(server, fault)
        guard let place else { return }
        cluster.reader.answered(place, withMap: false)
        guard !cluster.isHeard(place) else { return }
        log.note(
            .acknowledgementRefused,
            now,
            "no change at the store at \(server) is acknowledged: it returned no usable slot map: \(fault)"
        )
    }

    private func take(_ answer: Cluster.Answer, _ now: MonotonicTime) {
        guard cluster.reader.isNews(answer.number) else { return }
        cluster.mapAnswered(now)
        cluster.arrived = answer
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
        if map.unheldCount != unheld { noteUnheldSlots(map, now.monotonic) }
        for taken in change.taken { addPlaces(upTo: taken.place) }
        guard !change.isEmpty || cluster.listPlace != list else { return }
        cluster.mapChanges &+= 1
        if change.replacesPrimaries {
            noteMap(map, now.monotonic)
            cluster.witnesses.heartbeat.renewNow(now.monotonic)
        }
        let isListTaken = change.taken.contains { $0.place == cluster.listPlace }
        for taken in change.taken { seat(taken, now) }
        for place in change.left { empty(place, now) }
        forget(change.moved)
        uses.retryNow(now.monotonic)
        let seats = cluster.seats
        cluster.witnesses.adopt(seats, change)
        if isListTaken || cluster.listPlace != list { moveList(now.monotonic) }
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

    /// Another primary takes a place. What was read from the one before admits keys in the grace that it had, and
    /// decides nothing else.
    private func seat(_ taken: Seats.Taken, _ now: ClockReading) {
        guard !taken.wasGuest else { return }
        if nodes[taken.place].endpoint != nil { metrics.primaryChanges &+= 1 }
        follow(taken.server.address, in: taken.place, now)
    }

    /// A server that a slot is being moved to is asked for what has been moved.
    func welcome(_ guest: Endpoint, in place: Int, _ now: ClockReading) {
        addPlaces(upTo: place)
        follow(guest, in: place, now)
    }

    private func follow(_ address: Endpoint, in place: Int, _ now: ClockReading) {
        nodes[place].follow(address, now.monotonic)
        cluster.reader.answered(place, withMap: true)
        handleNodeEvents(place, now)
        beginTerm(place, now)
    }

    /// Nobody takes a place any more.
    private func empty(_ place: Int, _ now: ClockReading) {
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

    /// Slots have moved: what is known of their records, or about to be, is another server's affair.
    func forget(_ slots: SlotSet) {
        guard !slots.isEmpty, obligations.keeps(.movedSlotsAreForgotten) else { return }
        cache.invalidate(in: slots)
        checks.invalidateAllInFlight()
        streams.markStale(in: slots)
    }

    /// A server has told of slots. For those that the map gives to another one nobody is asked before it is known who holds
    /// them.
    ///
    /// - Parameter number: The last question about the map whose answer may not know of that.
    func told(
        of slots: some Sequence<Slot>,
        by place: Int,
        after number: UInt64,
        _ now: MonotonicTime
    ) {
        guard let teller = nodes[place].endpoint else { return }
        let taken = slots.filter { cluster.told(of: $0, by: teller, after: number, now) }
        if !taken.isEmpty { forget(taken.reduce(into: SlotSet()) { $0.insert($1) }) }
    }

    /// The membership list is another server's from now on.
    func moveList(_ now: MonotonicTime) {
        membership.renewNow(now)
        listLost(now)
    }

    private func reportLackOfMap(_ now: MonotonicTime) {
        guard cluster.seats.map == nil || cluster.mapOverdue <= now else { return }
        guard let due = cluster.reportDue else {
            cluster.reportDue = now.advanced(byMilliseconds: Self.silenceMilliseconds)
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
        let questions = cluster.witnesses.nextQuestions(cluster.seats.places, now) { place in
            nodes[place].data.isReady
        }
        for question in questions {
            _ = nodes[question.witness].data.send(question.command, tag: question.tag, now: now)
        }
        if !questions.isEmpty { reportSilence(now) }
    }

    func handleProbe(_ reply: RedisReply, _ tag: CommandTag, from place: Int, _ now: MonotonicTime)
    {
        guard let asked = nodes[place].endpoint, cluster.seats.isOccupied(place) else { return }
        let word = cluster.witnesses.answered(
            by: place,
            reply,
            tag,
            from: asked,
            about: { nodes[$0].endpoint },
            at: now
        )
        switch word {
        case .named(let named): attest(named, now)
        case .another: cluster.reader.want(from: place)
        case .refused(let error): cluster.refused(by: asked, error, now)
        case .nothing: break
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
        reportReturn(place, now)
    }

    private func reportSilence(_ now: MonotonicTime) {
        for place in cluster.seats.places where nodes[place].lease.fencedUntil <= now {
            let wasAttested = nodes[place].lease.attestedAt != nil
            let pause = wasAttested ? 0 : Self.silenceMilliseconds
            let due = cluster.unattested[place] ?? now.advanced(byMilliseconds: pause)
            cluster.unattested[place] = due <= now ? .never : due
            guard due <= now else { continue }
            log.note(
                .primaryUnknown,
                now,
                "the store at \(nodes[place].name) decides nothing: fewer than "
                    + "\(cluster.witnesses.needed) of the other primaries have named it within "
                    + "the lease"
                    + cluster.lastRefusal(ofOthersThan: nodes[place].endpoint, now)
            )
        }
    }

    private func reportReturn(_ place: Int, _ now: MonotonicTime) {
        guard cluster.unattested.removeValue(forKey: place) == .never else { return }
        log.note(
            .primaryNamed,
            now,
            "\(cluster.witnesses.needed) of the other primaries name the store at "
                + nodes[place].name
        )
    }
}
