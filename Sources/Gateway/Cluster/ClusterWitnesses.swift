import KeyFormat
import Keyring
import RedisClient

/// Which primaries of a cluster are attested by the others, and up to when.
///
/// Each primary is probed for a record in a slot of another one, and its refusal (`MOVED`) names the holder. A
/// majority of the primaries has voted for any failover, so enough of them know of it. A primary's answer about
/// itself proves nothing.
struct ClusterWitnesses {
    /// The fewest primaries that can elect one.
    static let primariesMin = 3

    /// Witnesses that are probed in addition to those needed, in a large cluster.
    private static let spareMax = 2

    /// The state of one primary.
    private struct Subject {
        var attestation: Attestation<Endpoint>
        var slot: Slot?
        var probe = RedisCommand()
        /// Incremented with each new primary in this place, to drop answers about the previous one.
        var generation: UInt64 = 0
    }

    private var subjects: [Subject] = []

    /// How many others have to name a primary; 0 if the cluster has too few.
    private(set) var needed = 0

    /// The schedule of the probes.
    var heartbeat: Heartbeat

    #if CANARIES
        var oneSuffices = false
        var countsFromArrival = false
        var asksItself = false
    #endif

    init(_ interval: Heartbeat.Interval) {
        heartbeat = Heartbeat(interval)
    }

    private var empty: Attestation<Endpoint> {
        var empty = Attestation<Endpoint>(sentinelCount: Seats.countMax, majority: max(needed, 1))
        #if CANARIES
            empty.oneSuffices = oneSuffices
            empty.countsFromArrival = countsFromArrival
        #endif
        return empty
    }

    /// The cluster has a new map.
    mutating func adopt(_ seats: Seats, _ change: Seats.Change) {
        let count = seats.places.count
        let needed = count < Self.primariesMin ? 0 : min(count - 1, count / 2 + 1)
        while subjects.count < Seats.countMax { subjects.append(Subject(attestation: empty)) }
        if needed != self.needed {
            self.needed = needed
            for place in subjects.indices { subjects[place].attestation = empty }
        }
        for place in change.occupants.map(\.place) + change.vacated { reset(place) }
        for place in seats.places { chooseProbe(place, seats) }
    }

    /// Another server occupies a place. Answers about the previous one, and those that it gave, no longer count.
    private mutating func reset(_ place: Int) {
        subjects[place] = Subject(
            attestation: empty,
            generation: subjects[place].generation &+ 1
        )
        for other in subjects.indices { subjects[other].attestation.discard(place) }
    }

    /// Chooses the slot to probe for. It is kept for as long as the primary holds it.
    private mutating func chooseProbe(_ place: Int, _ seats: Seats) {
        if let slot = subjects[place].slot, seats.place(of: slot) == place { return }
        guard let map = seats.map, let server = seats.server(place),
            let index = map.primaries.firstIndex(of: server),
            let slot = map.probe(ofPrimary: index)
        else { return }
        subjects[place].slot = slot
        subjects[place].probe = ClusterProbe.command(slot)
    }
}

// MARK: - Probes

extension ClusterWitnesses {
    /// A command to the primary in one place that asks about the primary in another.
    struct Probe {
        let witness: Int
        let command: RedisCommand
        let tag: CommandTag
    }

    /// The probes that are due.
    ///
    /// - Parameter isReady: Whether the primary in a place can be asked.
    mutating func nextProbes(
        _ places: [Int],
        _ now: MonotonicTime,
        isReady: (Int) -> Bool
    ) -> [Probe] {
        guard needed > 0, let round = heartbeat.next(now) else { return [] }
        var probes: [Probe] = []
        for (position, place) in places.enumerated() {
            let others = candidates(places, besides: position)
            let number = subjects[place].generation << 8 | UInt64(place)
            let tag = CommandTag(purpose: .probe, number: number, sentAt: now)
            for witness in witnesses(among: others.filter(isReady), round) {
                probes.append(
                    Probe(witness: witness, command: subjects[place].probe, tag: tag)
                )
            }
        }
        return probes
    }

    /// The places whose primaries may be asked about the one in a position, in the order after it.
    private func candidates(_ places: [Int], besides position: Int) -> ArraySlice<Int> {
        #if CANARIES
            if asksItself { return places[position...] + places[..<position] }
        #endif
        return places[(position + 1)...] + places[..<position]
    }

    /// The witnesses of a round. They rotate, so that a few that never answer do not block the others.
    private func witnesses(among others: [Int], _ round: UInt64) -> ArraySlice<Int> {
        let start = others.isEmpty ? 0 : Int(round % UInt64(others.count))
        return (others[start...] + others[..<start]).prefix(needed + Self.spareMax)
    }

    /// The result of a probe.
    enum ProbeResult {
        /// The witness names the primary in a place.
        case named(Int)
        /// The witness names another server: the map is out of date.
        case another
        /// The witness names no server.
        case refused(RedisError)
        /// The reply is obsolete or says nothing.
        case irrelevant
    }

    /// A witness has replied to a probe.
    mutating func answered(
        by witness: Int,
        _ reply: RedisReply,
        _ tag: CommandTag,
        from asked: Endpoint,
        about servers: (Int) -> Endpoint?,
        at now: MonotonicTime
    ) -> ProbeResult {
        let place = Int(tag.number & 0xFF)
        guard subjects.indices.contains(place), subjects[place].generation == tag.number >> 8
        else { return .irrelevant }
        #if CANARIES
            if asksItself, witness == place, case .array = reply {
                subjects[place].attestation.answered(witness, asked, askedAt: tag.sentAt, at: now)
                return .named(place)
            }
        #endif
        let target = named(by: reply, from: asked, place)
        subjects[place].attestation.answered(witness, target, askedAt: tag.sentAt, at: now)
        guard let target else {
            if case .array = reply { return .another }
            guard let error = reply.failure, Redirection(error, from: asked) == nil else {
                return .irrelevant
            }
            return .refused(error)
        }
        return target == servers(place) ? .named(place) : .another
    }

    /// The server that a refusal names as the holder of the probed slot.
    private func named(by reply: RedisReply, from asked: Endpoint, _ place: Int) -> Endpoint? {
        guard case .moved(let slot, let target)? = Redirection(reply, from: asked),
            slot == subjects[place].slot
        else { return nil }
        return target
    }

    /// The moment up to which the server in a place is attested as a primary; `nil` if too few others name it.
    func attestedAt(_ place: Int, _ server: Endpoint) -> MonotonicTime? {
        guard needed > 0, subjects.indices.contains(place) else { return nil }
        return subjects[place].attestation.attestedAt(server)
    }
}

/// A read of a record in a given slot.
enum ClusterProbe {
    /// The first number whose digits, as a hash tag, give the slot.
    static func command(_ slot: Slot) -> RedisCommand {
        let tag = (0..<1_000_000).lazy.map { String($0) }.first { Slot(ofTag: $0.utf8) == slot }
        return RedisCommand("HMGET", "\(Keyspace.recordPrefix){\(tag ?? "")}", "state")
    }
}
