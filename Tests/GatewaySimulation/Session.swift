import DequeModule
import TestSupport

/// The server's state of one connection.
final class Session {
    /// The arguments of CLIENT TRACKING.
    struct Tracking {
        /// The session that receives the invalidations.
        let target: Int
        let prefix: String
    }

    /// The commands since MULTI.
    struct Transaction {
        var commands: [[String]] = []
        /// Whether one of them was refused.
        var isBroken = false
    }

    let number: Int
    let wire: Wire
    var reader = CommandReader()
    var output: [UInt8] = []

    var channels: Set<String> = []
    var tracking: Tracking?

    /// The keys of WATCH, and whether one has been written since.
    var watched: Set<String> = []
    var isDirty = false

    var transaction: Transaction?

    /// Whether ASKING precedes the next command, or the transaction.
    var isAsking = false

    /// The list and the timeout of BLPOP.
    var blocked: (key: String, until: ServerTime)?

    /// The server's offset after the last write of this connection; 0 if there was none.
    var lastWriteOffset = 0

    /// How many replicas WAIT waits for, and until when.
    var awaited: (count: Int, until: ServerTime)?

    init(_ number: Int, _ wire: Wire) {
        self.number = number
        self.wire = wire
    }

    var isBlocked: Bool { blocked != nil || awaited != nil }

    var isSubscribed: Bool { !channels.isEmpty }

    func answer(_ reply: Reply) { reply.append(to: &output) }

    func push(_ channel: String, _ message: Reply) {
        answer(.array([.bulk("message"), .bulk(channel), message]))
    }

    func unwatch() {
        watched = []
        isDirty = false
    }
}
