import RedisClient

/// What the gatekeeper's commands are for.
extension CommandTag {
    enum Purpose: UInt8 {
        case read
        /// Whether a record is still what it was.
        case stampRead
        case uses
        /// A single one, because somebody asked.
        case askedUse
        case refusals
        case entry
        case ping
        case confirmation
    }

    init(purpose: Purpose, number: UInt64 = 0, sentAt: MonotonicTime = .origin) {
        self.init(kind: purpose.rawValue, number: number, sentAt: sentAt)
    }

    var purpose: Purpose? { Purpose(rawValue: kind) }
}

/// One of the gatekeeper's connections, with the order that waits for it.
struct StoreLink: ~Copyable {
    /// What is to be done with the connection.
    enum Order {
        case open
        case close
        case write
    }

    var link: RedisLink
    private var isWriteOrdered = false

    init(_ settings: LinkSettings) {
        link = RedisLink(settings)
    }

    /// The next thing to do; a write is ordered once until its bytes have been taken.
    mutating func nextOrder() -> Order? {
        switch link.nextOrder() {
        case .open: return .open
        case .close: return .close
        case nil: break
        }
        guard link.hasOutput, !isWriteOrdered else { return nil }
        isWriteOrdered = true
        return .write
    }

    mutating func drainOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = link.drainOutput(into: buffer)
        if !link.hasOutput { isWriteOrdered = false }
        return count
    }

    /// The connection is gone, and with it what was to be written.
    mutating func lost() {
        isWriteOrdered = false
    }
}
