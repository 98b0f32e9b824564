import KeyFormat
import Keyring
import RedisClient

/// What this worker knows of the cluster that holds the records; nothing where there is none.
struct Cluster: ~Copyable {
    /// Whether there is one. Asked at each turn of the event loop.
    let isUsed: Bool

    var seats = Seats()
    var witnesses: ClusterWitnesses
    var reader = MapReader()
    var seeds: SeedLinks

    /// The place of each shard of last uses is that of its slot.
    private let slotByShard: [Slot]

    /// An answer about the map.
    struct Answer {
        let map: SlotMap

        /// The number of the question.
        let number: UInt64

        /// The server that was asked.
        let server: Endpoint
    }

    /// A map that has arrived and is still to be adopted.
    var arrived: Answer?

    var doubts: [Slot: SlotDoubt] = [:]

    /// What was last told of records in each slot, by whomever.
    var news: [SlotNews]

    /// How long a server decides after a majority of the others has named it, in milliseconds.
    let fenceMilliseconds: UInt64

    /// When a server last answered with a map of any primaries; `nil` before the first.
    private var mapAnsweredAt: MonotonicTime?

    /// A map is asked for each second. After this long without one, other servers are tried.
    private static let silenceMilliseconds: UInt64 = 5000

    /// The places whose primaries have not said which slots they hold since their invalidation links stood, each with the
    /// number of the last question before that. Until then a signal may have been sent for records that this
    /// worker takes for another's.
    private var unheard: [Int: UInt64] = [:]

    /// How often a slot was assigned to another place since the last answer about the map.
    private var assignments: [Slot: Int] = [:]
    private static let assignmentsMax = 4

    /// When stalled reads are tried again.
    var retryDue = MonotonicTime.never

    /// The places that are not attested, and when that has to be reported; `never` once it has been.
    var unattested: [Int: MonotonicTime] = [:]

    /// What servers last said instead of a record, by its slot. Forgotten with each answer about the map.
    var heldReads: [Slot: (server: Endpoint, error: RedisError)] = [:]

    /// Why primaries did not say who holds a slot, and when last.
    private var refusals: [Endpoint: (reason: String, at: MonotonicTime)] = [:]

    /// When the lack of a map has to be reported; `nil` while there is one.
    var reportDue: MonotonicTime?

    /// Number of times that slots moved, or another server became a primary.
    var mapChanges: UInt64 = 0

    /// No cluster.
    init() {
        isUsed = false
        fenceMilliseconds = 0
        news = []
        witnesses = ClusterWitnesses(.init(leaseMilliseconds: 0))
        seeds = SeedLinks()
        slotByShard = []
    }

    init(_ url: ClusterURL, _ configuration: Configuration, _ credentials: RedisCredentials?) {
        isUsed = true
        fenceMilliseconds = configuration.fenceMilliseconds
        news = Array(repeating: SlotNews(), count: Slot.count)
        witnesses = ClusterWitnesses(.init(leaseMilliseconds: fenceMilliseconds))
        seeds = SeedLinks(url, configuration, credentials)
        slotByShard = (0...UInt8.max).map { Slot(ofTag: CollectionOfOne($0)) }
    }

    /// The place of an organization's record; `nil` where nobody holds it. Without a cluster there is one place.
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

    /// A new invalidation link stands.
    mutating func linkStands(_ place: Int) { unheard[place] = reader.asked }

    /// Whether a primary has said which slots it holds since its invalidation link stood.
    func isHeard(_ place: Int) -> Bool { unheard[place] == nil }

    /// The first primary that has not.
    func firstUnheard(_ ready: [Int]) -> Int? { ready.first { unheard[$0] != nil } }

    /// A primary has said which slots it holds. Returns them where this is the first word since its invalidation link stood: what
    /// it told on the link before may be lost.
    mutating func heard(_ place: Int, _ number: UInt64, _ map: SlotMap, at server: Endpoint)
        -> SlotSet?
    {
        guard let last = unheard[place], number > last else { return nil }
        unheard[place] = nil
        return map.index(of: server).map { map.slots(ofPrimary: $0) } ?? SlotSet()
    }

    /// Assigns a slot to the place of a server that its holder has named. Returns whether that is news that a
    /// read may follow at once: servers that contradict each other do not send it to and fro.
    mutating func assign(_ slot: Slot, to place: Int) -> Bool {
        let count = assignments[slot, default: 0]
        guard seats.place(of: slot) != place, count < Self.assignmentsMax else { return false }
        assignments[slot] = count + 1
        seats.assign(slot, to: place)
        return true
    }

    /// The next answer of a server that is no primary, or not yet.
    mutating func nextSeedAnswer(_ now: MonotonicTime) -> SeedLinks.Answer? {
        seeds.nextAnswer(&reader, now)
    }

    /// A server has answered with a map: what others say of slots is news again.
    mutating func mapAnswered(_ now: MonotonicTime) {
        mapAnsweredAt = now
        assignments.removeAll(keepingCapacity: true)
        heldReads.removeAll(keepingCapacity: true)
    }

    /// A primary has not said who holds a slot. A reason that it has not given before is reported, too.
    mutating func refused(by server: Endpoint, _ error: RedisError, _ now: MonotonicTime) {
        if error.message != refusals[server]?.reason {
            unattested = unattested.mapValues { $0 == .never ? now : $0 }
        }
        refusals = refusals.filter { counts($0.value.at, now) }
        refusals[server] = (error.message, now)
    }

    /// Whether an answer to what was asked then could still count.
    private func counts(_ moment: MonotonicTime, _ now: MonotonicTime) -> Bool {
        now < moment.advanced(byMilliseconds: fenceMilliseconds)
    }

    /// `; 10.0.0.1:6379: LOADING …`: the last refusal by another primary than this one, where an answer could still count.
    func lastRefusal(ofOthersThan server: Endpoint?, _ now: MonotonicTime) -> String {
        let last = refusals.filter { $0.key != server && counts($0.value.at, now) }
            .max { $0.value.at < $1.value.at }
        return last.map { "; \($0.key): \($0.value.reason)" } ?? ""
    }

    /// When maps will have been missing for too long; never before the first.
    var mapOverdue: MonotonicTime {
        mapAnsweredAt?.advanced(byMilliseconds: Self.silenceMilliseconds) ?? .never
    }
}
