import Keyring
import RedisClient

/// Whether a change was followed by a signal.
enum Signalling: Equatable {
    /// None has been sent yet.
    case unsent
    /// It went out in the transaction of the change.
    case sent(Signal)
    /// The store took the change and not the signal: leases are waited out.
    case refused

    /// After a transaction.
    ///
    /// - Parameters:
    ///   - signal: Its signal; `nil` if it had none.
    ///   - fault: Why that was not sent; `nil` if it was.
    init(_ signal: Signal?, fault: RedisError?) {
        self = fault == nil ? signal.map { .sent($0) } ?? .unsent : .refused
    }

    /// The signal that was sent.
    var signal: Signal? { if case .sent(let signal) = self { signal } else { nil } }

    /// Whether a signal is pointless.
    var isRefused: Bool { self == .refused }
}
