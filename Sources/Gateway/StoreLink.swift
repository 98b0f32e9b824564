import RedisClient

/// What a command of the gatekeeper's is for: its note on the command, given back with the reply.
///
/// Plain numbers, and no enum with payloads: the compiler tells cases of the link's events apart by
/// bits that a case without a payload leaves unset, to which memory checkers object.
struct CommandMark: Equatable {
    enum Purpose: UInt8 {
        case read
        case uses
        case refusals
        case entry
        case ping
        case confirmation
    }

    let purpose: Purpose
    /// The read, or the number of the PING.
    var number: UInt64 = 0
    /// When it was sent.
    var sentAt = MonotonicTime.origin
}

/// One of the gatekeeper's connections, with the order that waits for it.
struct StoreLink {
    /// What is to be done with the connection.
    enum Order {
        case open
        case close
        case write
    }

    let link: RedisLink<CommandMark>
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

    mutating func takeOutput(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = link.takeOutput(into: buffer)
        if !link.hasOutput { isWriteOrdered = false }
        return count
    }

    /// The connection is gone, and with it what was to be written.
    mutating func lost() {
        isWriteOrdered = false
    }
}
