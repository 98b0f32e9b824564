import KeyFormat
import Keyring
import RedisClient

/// This worker's view of the cluster that holds the records; unused without one.
struct Cluster: ~Copyable {
    /// Whether the store is a cluster. Read at each turn of the event loop.
    let isUsed: Bool

    var seats = Seats()
    var witnesses: ClusterWitnesses
    var reader = MapReader()
    var seeds: SeedLinks

    /// The slot of each shard of last uses.
    private let slotByShard: [Slot]

    /// A server's answer to a map query.
    struct Answer {
        let map: SlotMap

        /// The number of the query.
        let query: UInt64

        /// The server that answered.
        let server: Endpoint
    }

    /// A map that has arrived but is not adopted yet.
    var pendingAnswer: Answer?

    var doubts: [Slot: SlotDoubt] = [:]

    /// The latest report about each slot, by any server.
    var reports: [SlotReport]

    /// How long a primary decides after a majority of the others has named it, in milliseconds.
    let fenceMilliseconds: UInt64

    /// When a server last returned a usable map; `nil` before the first.
    private var mapAnsweredAt: MonotonicTime?

    /// After this long without a map, seeds are tried. The map is queried once a second.
    private static let mapTimeoutMilliseconds: UInt64 = 5000

    /// The places whose primaries have not listed their slots since their invalidation links were established, each
    /// with the newest query before that. Until then a signal on the link may concern records that this worker
    /// believes to be at another primary.
    private var awaitingSlots: [Int: UInt64] = [:]

    /// How often each slot was reassigned since the last answer to a map query.
    private var assignments: [Slot: Int] = [:]
    private static let assignmentsMax = 4

    /// When stalled reads are retried.
    var retryDue = MonotonicTime.never

    /// The unattested places, each with the time to report it; `never` once reported.
    var unattested: [Int: MonotonicTime] = [:]

    /// The last error that was returned instead of a record of each slot. Cleared by each answer to a map query.
    var readErrors: [Slot: (server: Endpoint, error: RedisError)] = [:]

    /// Why primaries last refused a probe, and when.
    private var probeRefusals: [Endpoint: (reason: String, at: MonotonicTime)] = [:]

    /// When to report that there is no map; `nil` while there is one.
    var reportDue: MonotonicTime?

    /// Number of maps that moved slots or replaced primaries.
    var mapChanges: UInt64 = 0

    /// Creates the value for a store that is no cluster.
    init() {
        isUsed = false
        fenceMilliseconds = 0
        reports = []
        witnesses = ClusterWitnesses(.init(leaseMilliseconds: 0))
        seeds = SeedLinks()
        slotByShard = []
    }

    init(_ url: ClusterURL, _ configuration: Configuration, _ credentials: RedisCredentials?) {
        isUsed = true
        fenceMilliseconds = configuration.fenceMilliseconds
        reports = Array(repeating: SlotReport(), count: Slot.count)
        witnesses = ClusterWitnesses(.init(leaseMilliseconds: fenceMilliseconds))
        seeds = SeedLinks(url, configuration, credentials)
        slotByShard = (0...UInt8.max).map { Slot(ofTag: CollectionOfOne($0)) }
    }

    /// The place of an organization's record; `nil` if its slot has no known holder. Without a cluster there is one
    /// place.
    @inline(__always)
    func place(of locator: Locator) -> Int? {
        isUsed ? seats.place(of: Slot(of: locator)) : 0
    }

    /// The place of the uses of a shard.
    func place(ofShard shard: UInt8) -> Int? {
        isUsed ? seats.place(of: slotByShard[Int(shard)]) : 0
    }

    /// The place of the membership list.
    var listPlace: Int? { isUsed ? seats.place(of: MembershipCommands.slot) : 0 }

    /// A new invalidation link is established.
    mutating func invalidationLinkStarted(_ place: Int) { awaitingSlots[place] = reader.lastQuery }

    /// Whether a primary has listed its slots since its invalidation link was established.
    func hasReportedSlots(_ place: Int) -> Bool { awaitingSlots[place] == nil }

    /// The first primary that has not.
    func firstAwaitingSlots(among ready: [Int]) -> Int? { ready.first { awaitingSlots[$0] != nil } }

    /// A primary has listed its slots. Returns them the first time after its invalidation link was established,
    /// since its reports on the previous link may be lost.
    mutating func slotsListed(
        by place: Int,
        _ query: UInt64,
        _ map: SlotMap,
        at server: Endpoint
    ) -> SlotSet? {
        guard let last = awaitingSlots[place], query > last else { return nil }
        awaitingSlots[place] = nil
        return map.index(of: server).map { map.slots(ofPrimary: $0) } ?? SlotSet()
    }

    /// Assigns a slot to the place of the server that its holder has named. Returns whether a read may follow at
    /// once: reassignments are limited, so that servers which contradict each other do not bounce it between them.
    mutating func assign(_ slot: Slot, to place: Int) -> Bool {
        let count = assignments[slot, default: 0]
        guard seats.place(of: slot) != place, count < Self.assignmentsMax else { return false }
        assignments[slot] = count + 1
        seats.assign(slot, to: place)
        return true
    }

    /// The next answer of a seed.
    mutating func nextSeedAnswer(_ now: MonotonicTime) -> SeedLinks.Answer? {
        seeds.nextAnswer(&reader, now)
    }

    /// A server has returned a usable map. Slots may be reassigned again.
    mutating func mapAnswered(_ now: MonotonicTime) {
        mapAnsweredAt = now
        assignments.removeAll(keepingCapacity: true)
        readErrors.removeAll(keepingCapacity: true)
    }

    /// A primary has refused a probe. A new reason is reported at once.
    mutating func probeRefused(by server: Endpoint, _ error: RedisError, _ now: MonotonicTime) {
        if error.message != probeRefusals[server]?.reason {
            unattested = unattested.mapValues { $0 == .never ? now : $0 }
        }
        probeRefusals = probeRefusals.filter { isRecent($0.value.at, now) }
        probeRefusals[server] = (error.message, now)
    }

    /// Whether an answer from that moment could still attest a primary.
    private func isRecent(_ moment: MonotonicTime, _ now: MonotonicTime) -> Bool {
        now < moment.advanced(byMilliseconds: fenceMilliseconds)
    }

    /// `; 10.0.0.1:6379: LOADING …`: the last recent refusal by a primary other than this one.
    func lastProbeRefusal(excluding server: Endpoint?, _ now: MonotonicTime) -> String {
        let last = probeRefusals.filter { $0.key != server && isRecent($0.value.at, now) }
            .max { $0.value.at < $1.value.at }
        return last.map { "; \($0.key): \($0.value.reason)" } ?? ""
    }

    /// When the map has been missing for too long; never before the first.
    var mapOverdue: MonotonicTime {
        mapAnsweredAt?.advanced(byMilliseconds: Self.mapTimeoutMilliseconds) ?? .never
    }
}
