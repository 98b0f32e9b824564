/// The parameters of a world, drawn from the seed.
struct Scenario {
    let seed: UInt64

    var isStrict: Bool
    var leaseMilliseconds: UInt64
    var graceMilliseconds: UInt64
    var timeoutMilliseconds: UInt64
    var cacheSize: Int
    /// Whether workers differ in lease and grace, as after a changed configuration.
    var isMixed: Bool

    var workers: Int
    var organizations: Int

    /// Faults occur repeatedly, after pauses of about this length.
    var faults: [Fault]
    var faultPause: Nanoseconds

    /// How long faults last; the pauses between changes and between requests; how long faults occur.
    var faultLength: Nanoseconds
    var changePause: Nanoseconds
    var requestPause: Nanoseconds
    var length: Nanoseconds

    /// Whether the store has I/O threads.
    var hasThreads: Bool

    /// Whether requests are short, and none follows a change at once. Others make the worker read a record
    /// again, which hides what it has cached.
    var isQuiet = false

    /// Whether there are sentinels, and replicas one of which may become the primary; how many servers must hold a
    /// change, `nil` for all; what leads to a failover; how long one takes, at most; and whether the replica that has
    /// got most is promoted.
    var hasFailover = false
    var copies: Int?
    var failovers = ModelDeployment.Failover.allCases
    var failoverSpan: Nanoseconds = 0
    var promotesNewest = false

    /// Whether the store is a cluster, and whether a server tells of the keys in a slot that was taken from it.
    var hasCluster = false
    var tellsOfLostKeys = true

    /// How many of the changes concern all organizations together.
    var bulkPercent = 10

    /// How many administrators may change keys at a time.
    var administrators = 2

    var isLocal: Bool
    var delayMax: Nanoseconds
    var stallMax: Nanoseconds
    var stallPercent: Int
    var workerDelayMax: Nanoseconds

    /// - Parameters:
    ///   - flaw: A flaw that the scenario gives its best chance to do harm.
    ///   - mix: The kinds of faults; drawn as well if it is `nil`.
    init(seed: UInt64, flaw: Flaw? = nil, mix: Mix? = nil) {
        var chance = Chance(seed: seed &+ 1 << 32)
        self.seed = seed
        isStrict = chance.percent(20)
        leaseMilliseconds =
            chance.percent(50) ? chance.number(100...300) : chance.number(100...1000)
        graceMilliseconds = chance.percent(50) ? 0 : chance.number(1...2000)
        timeoutMilliseconds = chance.number(50...500)
        cacheSize = chance.percent(25) ? chance.number(1...4) : chance.number(5...100)
        isMixed = chance.percent(20)
        workers = chance.number(1...4)
        organizations = chance.number(1...6)
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        let drawn = Mix.standalone.randomElement(using: &chance)!
        faults = (mix ?? drawn).faults(&chance)
        faultPause = chance.number(lease / 4...lease * 2)
        faultLength = lease + (chance.percent(50) ? .milliseconds(graceMilliseconds) : 0)
        changePause = chance.number(lease / 4...lease * 2)
        requestPause = lease / 6
        length = lease * chance.number(6...14)
        hasThreads = chance.percent(25)
        isLocal = chance.percent(25)
        delayMax = chance.percent(50) ? .microseconds(200) : chance.number(100_000...5_000_000)
        stallMax = chance.number(lease / 20...lease)
        stallPercent = faults.isEmpty || chance.percent(30) ? 0 : 2
        let isSlow = !faults.isEmpty && chance.percent(30)
        workerDelayMax = isSlow ? chance.number(1_000_000...lease / 5) : .microseconds(200)
        if (mix ?? drawn) == .lateInvalidations { favourLateInvalidations(&chance) }
        if faults.contains(.emptyStore), chance.percent(50) { favourLateInvalidations(&chance) }
        if (mix ?? drawn) == .silence { favourSilence(&chance) }
        if (mix ?? drawn) == .failovers { favourFailovers(&chance) }
        if (mix ?? drawn) == .twoCopies { favourTwoCopies(&chance) }
        if Mix.ofClusters.contains(mix ?? drawn) { favourCluster(&chance) }
        if let flaw { favour(flaw, &chance) }
    }

    /// Whether something is promised against all faults: another database in the store's place may lack anything.
    var isPromised: Bool { !faults.contains(.swapDatabases) }

    /// Whether there are no faults and no long delays.
    var isCalm: Bool { faults.isEmpty }
}

/// A fault.
enum Fault: CaseIterable {
    /// Bytes of a connection are delayed.
    case stall
    /// A connection breaks; its ends notice, or not.
    case cut
    /// Bytes of one direction of a connection, or of both, are silently dropped.
    case halfOpen
    /// The store closes a connection.
    case closeByStore
    /// Invalidations are delayed, possibly from the middle of a message on.
    case lateInvalidations
    /// Answers to a worker are delayed.
    case lateAnswers
    /// The store closes an invalidation link whose output has grown too long; the output is lost.
    case overrun
    /// A worker and the store are separated for a while.
    case partition
    case stopWorker
    case stopStore
    case restartStore
    /// A worker is killed, or its machine fails; another one starts.
    case replaceWorker
    /// A worker ends gracefully; another one starts, at once or later.
    case reloadWorker
    /// A stranger empties the store; the records are restored later, or generated again.
    case emptyStore
    /// A stranger puts an earlier record back.
    case putBack
    /// A stranger publishes on the channel of invalidations, or forges a signal.
    case strayMessage
    /// A stranger removes the membership list.
    case removeList
    /// A stranger removes a field of the membership list.
    case removeField
    /// An operator takes a worker off the membership list, be it gone or not.
    case removeWorker
    /// A stranger empties the store, and an operator imports the records.
    case importRecords
    /// The store restarts, and has lost the last writes to the membership list.
    case restartWithoutList
    /// A stranger puts a copy of the whole database, taken a while ago, in the place of the current one.
    case swapDatabases
    /// The store becomes a primary anew, without a restart.
    case beginTerm
    /// The store refuses writes, for a while, and can be read.
    case refuseWrites
    /// The store's wall clock is stepped.
    case stepClock
    /// The store refuses to tell who it is, for a while.
    case refuseInformation
    /// The store refuses signals, for a while.
    case refuseSignals
    /// The store refuses to let workers join, for a while.
    case refuseJoins
    /// The store refuses to send invalidations, for a while, and closes the invalidation links.
    case refuseTracking
    /// Another server becomes the primary, for any reason.
    case failOver
    /// A sentinel does not hear the others for a while.
    case deafSentinel
    /// Some clients do not reach a sentinel.
    case hideSentinel
    case stopSentinel
    /// What the primary has executed comes late to a replica.
    case lateReplication
    /// A replica loses its connection to the primary.
    case cutReplication
    /// A plot: the primary fails while the replicas lack its last changes.
    case failOverBehind
    /// A plot: the primary is cut off together with a worker.
    case cutOff
    /// A plot: a worker hears late what the sentinels have said of a primary that was cut off together with it.
    case hearLate
    /// A plot: a worker that was away hears of the new primary, and does not reach it.
    case hearNews
    /// A plot: the primary fails together with a worker that the replicas do not know yet.
    case loseEntry
    /// A plot: a primary that nobody has told to follow is the primary again, and does not know a worker of the meantime.
    case returnToPrimary
    /// A shard of a cluster gets another primary, for any reason.
    case failOverShard
    /// Two shards do, one shortly after the other.
    case failOverShards
    /// The slot of a record, or of the membership list, moves to another primary.
    case moveSlot
    /// A primary takes a slot without the steps that this needs.
    case takeSlot
    /// A plot: a shard's primary fails while its replica lacks its last changes.
    case failOverShardBehind
    /// A plot: a shard's primary is cut off together with a worker.
    case cutOffShard
    /// An operator lists all records of a cluster.
    case listRecords
}

extension Fault {
    /// All but the exchange of databases: only a member notices it, at its next heartbeat.
    static let promised = allCases.filter { $0 != .swapDatabases && !ofReplicas.contains($0) }

    /// Those that need several servers.
    static let ofReplicas: [Fault] = [
        .failOver, .deafSentinel, .hideSentinel, .stopSentinel, .lateReplication, .cutReplication,
        .failOverBehind, .cutOff, .hearLate, .hearNews, .loseEntry, .returnToPrimary,
        .failOverShard, .failOverShards, .moveSlot, .takeSlot, .failOverShardBehind,
        .cutOffShard, .listRecords,
    ]
}

/// Faults that occur together.
enum Mix: String, CaseIterable {
    case calm
    case lossy
    case lateInvalidations
    case stops
    case silence
    case restarts
    case halfOpen
    case membership
    case lists
    case refusals
    case emptied
    case tampered
    case anything
    case failovers
    /// The same where two of three servers have to hold a change, and the one that has got most is promoted.
    case twoCopies
    /// Shards of a cluster fail over.
    case shards
    /// Slots of a cluster move.
    case slots
    /// Slots of a cluster are taken by force.
    case takeovers

    /// Those with one server alone.
    static let standalone = allCases.filter {
        ![.failovers, .twoCopies].contains($0) && !ofClusters.contains($0)
    }

    static let ofClusters: [Mix] = [.shards, .slots, .takeovers]

    func faults(_ chance: inout Chance) -> [Fault] {
        switch self {
        case .calm: []
        case .lossy: [.stall, .stall, .cut, .closeByStore, .overrun]
        case .lateInvalidations:
            [.lateInvalidations, .lateInvalidations, .lateAnswers, .overrun, .stall]
        case .stops: [.stopWorker, .stopWorker, .stopStore, .stall]
        case .silence: [.stopWorker, .stall, .stall, .stall, .cut]
        case .restarts: [.restartStore, .cut, .stall]
        case .halfOpen: [.halfOpen, .partition, .stall]
        case .membership:
            [
                .replaceWorker, .reloadWorker, .stopWorker, .refuseJoins, .refuseTracking, .stall,
                .removeWorker,
            ]
        case .lists:
            [
                .removeList, .removeField, .restartWithoutList, .beginTerm, .partition, .partition,
                .replaceWorker, .stall, .stopWorker, .removeWorker,
            ]
        case .refusals:
            [
                .refuseWrites, .refuseInformation, .refuseSignals, .refuseTracking, .stall,
                .stepClock, .partition,
            ]
        case .emptied: [.emptyStore, .importRecords, .stall, .cut, .replaceWorker, .partition]
        case .tampered: [.putBack, .strayMessage, .stall, .replaceWorker]
        case .failovers:
            [
                .failOver, .failOver, .failOver, .failOver, .failOver, .failOver,
                .deafSentinel, .hideSentinel, .stopSentinel, .lateReplication, .cutReplication,
                .partition, .stopWorker, .replaceWorker, .cut,
                .failOverBehind, .cutOff, .hearLate, .hearNews, .loseEntry, .returnToPrimary,
            ]
        case .twoCopies:
            [
                .failOver, .failOver, .failOver, .failOver, .partition, .stopWorker, .stall, .cut,
                .failOverBehind, .cutOff, .hearLate, .hearNews, .loseEntry,
            ]
        case .shards:
            [
                .failOverShard, .failOverShard, .failOverShards, .partition, .stopWorker,
                .replaceWorker, .cut, .stall, .lateInvalidations,
            ]
        case .slots:
            [
                .moveSlot, .moveSlot, .moveSlot, .moveSlot, .failOverShard, .partition,
                .stopWorker, .replaceWorker, .cut, .stall, .lateInvalidations,
            ]
        case .takeovers:
            [
                .takeSlot, .takeSlot, .takeSlot, .moveSlot, .partition, .stopWorker,
                .replaceWorker, .cut, .stall, .lateInvalidations,
            ]
        case .anything:
            (0..<5).map { _ in Fault.promised.randomElement(using: &chance)! }
        }
    }
}
