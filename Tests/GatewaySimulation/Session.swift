import DequeModule
import TestSupport

/// What the server knows of one connection.
final class Session {
    /// A connection that asked to be told of changed keys.
    struct Tracking {
        /// The session that is told.
        let target: Int
        let prefix: String
    }

    let number: Int
    let wire: Wire
    var reader = CommandReader()
    var output: [UInt8] = []

    var channels: Set<String> = []
    var tracking: Tracking?

    /// The keys of WATCH, and whether one was written since.
    var watched: Set<String> = []
    var isDirty = false

    /// The commands since MULTI.
    var transaction: [[String]]?

    /// Waits for an element of a list.
    var blocked: (key: String, until: Nanoseconds)?

    init(_ number: Int, _ wire: Wire) {
        self.number = number
        self.wire = wire
    }

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
