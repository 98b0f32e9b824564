/// What kind of world it is: drawn from the seed.
struct Scenario {
    let seed: UInt64

    var isStrict: Bool
    var leaseMilliseconds: UInt64
    var graceMilliseconds: UInt64
    var timeoutMilliseconds: UInt64
    var cacheSize: Int
    /// Whether workers differ in lease and grace, as after a change of the configuration.
    var isMixed: Bool

    var workers: Int
    var organizations: Int

    /// What goes wrong, again and again, after pauses of about so long.
    var faults: [Fault]
    var faultPause: Nanoseconds

    /// How long faults last, how long it is between two changes, how long all goes on.
    var faultLength: Nanoseconds
    var changePause: Nanoseconds
    var requestPause: Nanoseconds
    var length: Nanoseconds

    /// How many administrators may change something at a time.
    var administrators = 2

    var isLocal: Bool
    var delayMax: Nanoseconds
    var stallMax: Nanoseconds
    var stallPercent: Int
    var workerDelayMax: Nanoseconds

    /// - Parameters:
    ///   - flaw: What is to have its best chance to do harm.
    ///   - mix: What goes wrong; drawn as well where it is not given.
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
        let drawn = Mix.allCases.randomElement(using: &chance)!
        faults = (mix ?? drawn).faults(&chance)
        faultPause = chance.number(lease / 4...lease * 2)
        faultLength = lease + (chance.percent(50) ? .milliseconds(graceMilliseconds) : 0)
        changePause = chance.number(lease / 4...lease * 2)
        requestPause = lease / 6
        length = lease * chance.number(6...14)
        isLocal = chance.percent(25)
        delayMax = chance.percent(50) ? .microseconds(200) : chance.number(100_000...5_000_000)
        stallMax = chance.number(lease / 20...lease)
        stallPercent = faults.isEmpty || chance.percent(30) ? 0 : 2
        let isSlow = !faults.isEmpty && chance.percent(30)
        workerDelayMax = isSlow ? chance.number(1_000_000...lease / 5) : .microseconds(200)
        if (mix ?? drawn) == .lateNews { favourLateNews(&chance) }
        if faults.contains(.emptyStore), chance.percent(50) { favourLateNews(&chance) }
        if (mix ?? drawn) == .silence { favourSilence(&chance) }
        if let flaw { favour(flaw, &chance) }
    }

    /// Whether nothing goes wrong, and nothing takes long.
    var isCalm: Bool { faults.isEmpty }
}

/// Something that goes wrong.
enum Fault: CaseIterable {
    /// Bytes of a connection stay away for a while.
    case stall
    /// A connection is gone; its ends hear of it, or not.
    case cut
    /// Nothing arrives in one direction of a connection, or in both, and nobody hears of it.
    case halfOpen
    /// The store closes a connection.
    case closeByStore
    /// News stay away for a while; they may break off in the middle of what was told at a time.
    case lateNews
    /// Answers to a worker stay away for a while.
    case lateAnswers
    /// The store closes a connection for news because too much has piled up, which is lost.
    case overrun
    /// A worker and the store do not reach each other for a while.
    case partition
    case stopWorker
    case stopStore
    case restartStore
    /// A worker is killed, or its machine is; another one begins.
    case replaceWorker
    /// A worker ends as it should; another one begins, at once or later.
    case reloadWorker
    /// Somebody empties the store; records come back later, or are made anew.
    case emptyStore
    /// Somebody puts an earlier record back.
    case putBack
    /// Somebody else speaks on the channels of changes and barriers.
    case speakOutOfTurn
    /// The store does not let gateways write their entries for a while.
    case refuseEntries
    /// The store tells no gateway of changes for a while: connections for that are closed and refused.
    case refuseTracking
}

/// What goes wrong together.
enum Mix: String, CaseIterable {
    case calm
    case lossy
    case lateNews
    case stops
    case silence
    case restarts
    case halfOpen
    case fleet
    case emptied
    case tampered
    case anything

    func faults(_ chance: inout Chance) -> [Fault] {
        switch self {
        case .calm: []
        case .lossy: [.stall, .stall, .cut, .closeByStore, .overrun]
        case .lateNews: [.lateNews, .lateNews, .lateAnswers, .overrun, .stall]
        case .stops: [.stopWorker, .stopWorker, .stopStore, .stall]
        case .silence: [.stopWorker, .stall, .stall, .stall, .cut]
        case .restarts: [.restartStore, .cut, .stall]
        case .halfOpen: [.halfOpen, .partition, .stall]
        case .fleet:
            [
                .replaceWorker, .reloadWorker, .stopWorker, .refuseEntries, .refuseTracking, .stall,
            ]
        case .emptied: [.emptyStore, .stall, .cut, .replaceWorker]
        case .tampered: [.putBack, .speakOutOfTurn, .stall, .replaceWorker]
        case .anything:
            (0..<5).map { _ in Fault.allCases.randomElement(using: &chance)! }
        }
    }
}
