import Keyring

/// Whether a change waits until no worker accepts an earlier key.
public enum ConfirmationPolicy {
    /// The change is written, and nothing is waited for.
    case none

    /// Waits. The function is called several times a second, and ends the wait by returning `false`.
    case whileTrue((BarrierProgress) -> Bool)

    /// Whether it waits.
    var isAwaited: Bool { if case .none = self { false } else { true } }

    /// Waits as long as necessary.
    public static var untilConfirmed: ConfirmationPolicy { .whileTrue { _ in true } }
}

/// The progress of the wait for workers.
public struct BarrierProgress: Equatable, Sendable {
    /// Workers that are still waited for; none while the store is waited for.
    public let pending: [Member]

    /// Whether the membership list has been read. Until then workers may be pending that are not listed here.
    public let isFleetKnown: Bool

    /// Number of all workers.
    public let workers: Int

    /// Number of servers that do not hold the change yet, once that is all that is waited for.
    public internal(set) var missingServers = 0

    /// Milliseconds since the change.
    public let elapsedMilliseconds: UInt64

    /// Milliseconds until the wait ends at the latest.
    public let remainingMilliseconds: UInt64
}
