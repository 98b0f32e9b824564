import Gateway
import Keyring
import RedisClient

/// What a request presents.
enum Credential {
    case issued(Int)
    /// A text that looks like a key, and was not issued here.
    case madeUp
}

/// A check from its beginning to its answer.
struct Check {
    let credential: Credential
    let begunAt: Nanoseconds
    let begunStep: Int
    let begunUnix: UnixTime
    /// When it has to be answered at the latest, by the worker's clock.
    let deadline: MonotonicTime
    /// Cancels it.
    var ticket: UInt64 = 0
    /// When the gatekeeper made up its mind.
    var decision: Made?

    /// When and knowing what the gatekeeper decided.
    struct Made {
        let at: Nanoseconds
        let unix: UnixTime
        /// Whether the worker's lease held.
        let isTrusted: Bool
        /// For how long the store had not carried out anything for the worker.
        let silence: Nanoseconds
        /// The version of the record that the worker remembered before; `nil` where it may have
        /// forgotten one.
        let remembered: UInt64?
    }
}

/// A request that was let in and is open.
struct OpenRequest {
    let key: Int
    let stream: UInt64
    let openedAt: Nanoseconds
    /// The earliest moment of which the decision may speak.
    let since: Nanoseconds
}
