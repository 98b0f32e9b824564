import Gateway
import Keyring
import RedisClient

/// The credential of a request.
enum Credential {
    case issued(Int)
    /// A text that looks like a key but was not issued here.
    case forged
}

/// A check from its beginning to its answer.
struct Check {
    let credential: Credential
    let begunAt: Nanoseconds
    let begunStep: Int
    let begunUnix: UnixTime
    /// When it has to be answered, by the worker's clock.
    let deadline: MonotonicTime
    /// Cancels the check.
    var ticket: UInt64 = 0
    /// The circumstances of the decision, once the gatekeeper has made it.
    var context: Context?

    /// When and in which state the gatekeeper decided.
    struct Context {
        let at: Nanoseconds
        let unix: UnixTime
        /// Whether the worker's lease held.
        let isTrusted: Bool
        /// How long ago the store had executed the last command of the worker.
        let silence: Nanoseconds
        /// The version of the record that the worker had cached; `nil` if it may have evicted one.
        let cachedVersion: UInt64?
    }
}

/// An admitted request that is open.
struct OpenRequest {
    let key: Int
    let stream: UInt64
    let openedAt: Nanoseconds
    /// The earliest moment at which the decision may have been true.
    let since: Nanoseconds
}
