import RedisClient

/// The purpose of a command, which decides how its reply is handled.
extension CommandTag {
    enum Purpose: UInt8 {
        case recordRead
        /// The same, at a server that the slot is being moved to.
        case askedRead
        case lastUses
        /// Uses of one organization, which were asked for.
        case flushedUse
        case refusedUses
        /// Registers this worker: the end of the transaction.
        case join
        /// The commands before that.
        case joinPart
        /// Reads this worker's entry in the membership list.
        case entryRead
        /// Reads the generation of the membership list.
        case generation
        /// Reads the store's term.
        case term
        /// Asks what server the store is.
        case serverInformation
        case ping
        /// Asks a sentinel where the primary is.
        case primaryAddress
        /// Asks a sentinel all that it knows of the primary.
        case primaryReport
        /// Asks a primary of a cluster for the holder of another one's slot.
        case probe
        /// Asks a server of a cluster for the slot map.
        case slotMap
        /// Lets the next command reach a slot that is being moved to the server.
        case asking
        case acknowledgement
        /// Removes this worker from the membership list.
        case leave
        /// Hands over the term of a new primary.
        case handover
    }

    init(purpose: Purpose, number: UInt64 = 0, sentAt: MonotonicTime = .origin) {
        self.init(kind: purpose.rawValue, number: number, sentAt: sentAt)
    }

    var purpose: Purpose? { Purpose(rawValue: kind) }

    /// Whether the command carries out a read.
    var isRead: Bool { purpose == .recordRead || purpose == .askedRead }

    /// The read that the command carries out.
    var read: InflightReads.ID { Int(truncatingIfNeeded: number) }
}
