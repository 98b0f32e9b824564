import RedisClient

/// For how long what is known may be trusted.
///
/// Two things have to be fresh: an answer on the connection that tells of changes (so all changes up
/// to the question are known), and the worker's entry in the list of gateways (so whoever changes a
/// record waits for it). Both count from when they were sent, and the older one decides.
struct Lease {
    private let leaseMilliseconds: UInt64
    private let graceMilliseconds: UInt64

    private var isListening = false

    /// Whether the connection that tells of changes has failed since it last told of any.
    private(set) var isDeaf = false
    private(set) var isRegistered = false
    private var heardAt: MonotonicTime?
    private var registeredAt: MonotonicTime?

    /// Until when what is known decides, although the store could be asked.
    private(set) var trustedUntil = MonotonicTime.origin

    /// Until when what is known decides where the store cannot be asked.
    private(set) var knownUntil = MonotonicTime.origin

    #if CANARIES
        /// Trusts without an entry in the list of gateways.
        var trustsUnregistered = false
    #endif

    init(leaseMilliseconds: UInt64, graceMilliseconds: UInt64) {
        self.leaseMilliseconds = leaseMilliseconds
        self.graceMilliseconds = graceMilliseconds
    }

    /// Whether what is read from now on may be kept: its changes will be told, and the fleet knows
    /// who keeps it.
    var mayKeep: Bool { isListening && isRegistered }

    /// Whether the entry may have been taken out and written anew since it was last confirmed, while
    /// nobody who changed a record waited for this worker: whoever takes an entry out has seen it
    /// unchanged for as long as its worker may trust anything.
    ///
    /// Who trusts nothing has nothing to lose by it.
    func hasLapsed(_ now: MonotonicTime) -> Bool {
        guard isRegistered, let registeredAt else { return true }
        guard leaseMilliseconds > 0 || graceMilliseconds > 0 else { return false }
        return registeredAt.advanced(byMilliseconds: leaseMilliseconds)
            .advanced(byMilliseconds: graceMilliseconds) <= now
    }

    /// Whether changes are told.
    var hears: Bool { isListening }

    /// Until when every change that is older than a span is known to have been told.
    func heardUntil(_ milliseconds: UInt64) -> MonotonicTime {
        guard isListening, let heardAt else { return .origin }
        return heardAt.advanced(byMilliseconds: milliseconds)
    }

    /// Whether a decision by what is known is beyond the lease.
    func isInGrace(_ now: MonotonicTime) -> Bool {
        now.advanced(byMilliseconds: graceMilliseconds) >= knownUntil
    }
}

// MARK: - What happened

extension Lease {
    /// The store has confirmed that it will tell of changes. All that was known before is void.
    mutating func listens() {
        isListening = true
        isDeaf = false
        heardAt = nil
        renew()
    }

    /// Changes are not told any more. What is known stays so until its time.
    mutating func listensNoMore() {
        isListening = false
        isDeaf = true
        trustedUntil = .origin
    }

    /// The store has answered a heartbeat that was sent at a moment.
    mutating func heard(_ sentAt: MonotonicTime) {
        heardAt = sentAt
        renew()
    }

    /// The list of gateways has had the worker's entry since a moment at the latest.
    mutating func registered(_ sentAt: MonotonicTime) {
        isRegistered = true
        registeredAt = sentAt
        renew()
    }

    /// The entry may be gone. All that was known before is void.
    mutating func registeredNoMore() {
        isRegistered = false
        renew()
    }

    private mutating func renew() {
        #if CANARIES
            if trustsUnregistered {
                isRegistered = true
                registeredAt = heardAt
            }
        #endif
        guard isRegistered, let heardAt, let registeredAt else {
            trustedUntil = .origin
            knownUntil = .origin
            return
        }
        let base = min(heardAt, registeredAt)
        let end = base.advanced(byMilliseconds: leaseMilliseconds)
        trustedUntil = isListening ? end : .origin
        knownUntil = end.advanced(byMilliseconds: graceMilliseconds)
    }
}
