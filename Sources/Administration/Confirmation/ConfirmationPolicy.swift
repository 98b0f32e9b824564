import Keyring

/// Whether a change waits until no gateway accepts an earlier key any more.
public enum ConfirmationPolicy {
    /// The change is written, and that is all.
    case none

    /// Waits; the function is told several times a second how it goes, and ends the wait by
    /// returning `false`.
    case whileTrue((BarrierProgress) -> Bool)

    /// Waits as long as there is something to wait for.
    public static var untilConfirmed: ConfirmationPolicy { .whileTrue { _ in true } }
}

/// How the wait for the gateways goes.
public struct BarrierProgress: Equatable, Sendable {
    /// The workers that are waited for: none while it is the store that is waited for.
    public let pending: [Member]

    /// Number of all workers, those included that are not waited for any more.
    public let workers: Int

    /// How long it has taken so far.
    public let elapsedMilliseconds: UInt64

    /// How long it can still take.
    public let remainingMilliseconds: UInt64
}
