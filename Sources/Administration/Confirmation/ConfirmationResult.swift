import Keyring
import RedisClient

/// Whether a change that the store has made holds at all workers.
public enum ConfirmationResult: Equatable, Sendable {
    /// Since then no worker accepts a key that the change ended, and the store still has the change.
    case confirmed(since: UnixTime, BarrierOutcome)

    /// The policy does not wait.
    case notAwaited

    /// It is uncertain.
    case unconfirmed(Uncertainty)

    /// Why it is uncertain whether a change holds everywhere.
    public enum Uncertainty: Error, Equatable, Sendable {
        /// The membership could not be read, for this reason.
        case membershipUnknown(String)
        /// Some workers may still trust what they cached before.
        case unacknowledged(BarrierOutcome)
        /// No worker trusts what it cached before, but the record could not be read back, for this reason.
        case notReadBack(String)
        /// The record that was read back does not have the change.
        case undone
        /// The change holds, as far as that was awaited, but it is not in the audit, for this reason.
        case notAudited(String)
        /// The membership list may lack workers of a former primary, and it is uncertain whether the sentinels
        /// still name that one, for this reason.
        case primaryUnknown(String)
        /// A failover may undo the change: too few servers hold it. These replicas have no link to the primary.
        case tooFewCopies(Int, needed: Int, unlinked: [String] = [])
        /// A failover may undo the change: the primary does not say how many servers hold it, for this reason.
        case copiesUnknown(String)
        /// No key is left in the store, as far as that was awaited, but all else of the record is as it
        /// was, for this reason. It can no longer be proven.
        case incomplete(String)
    }
}

extension ConfirmationResult {
    /// The result with what is uncertain about the change itself. Any other uncertainty matters more, but that of
    /// the copies: a full memory is why they cannot be counted, and what to do about it is the same.
    func including(_ uncertainty: Uncertainty?) -> ConfirmationResult {
        guard let uncertainty else { return self }
        switch self {
        case .unconfirmed(.copiesUnknown): return .unconfirmed(uncertainty)
        case .unconfirmed: return self
        case .confirmed, .notAwaited: return .unconfirmed(uncertainty)
        }
    }
}

/// How the workers responded to a barrier.
public struct BarrierOutcome: Equatable, Sendable {
    /// A worker that did not acknowledge, and may still trust its cache.
    public struct Unacknowledged: Equatable, Sendable {
        /// Which worker.
        public let member: Member

        /// Until when it may accept earlier keys.
        public let until: UnixTime
    }

    /// Workers that did not acknowledge, and can no longer trust what they cached before.
    public internal(set) var expired: [Member] = []

    /// Workers that did not acknowledge, and may still trust what they cached before.
    public internal(set) var unacknowledged: [Unacknowledged] = []

    /// Until when workers that the membership list may lack may trust what they cached before; `nil` if it
    /// lacks none.
    public internal(set) var unlistedUntil: UnixTime?

    /// Workers that ask other sentinels, and did not acknowledge: nobody knows until when they may trust what
    /// they cached before.
    public internal(set) var foreign: [Member] = []

    /// IDs of members that cannot be read.
    public internal(set) var unreadable: [String] = []

    /// Whether the caller ended the wait.
    public internal(set) var isInterrupted = false

    /// The last error of the store; `nil` if its last reply was none.
    public internal(set) var fault: String?

    /// The servers that hold the change; `nil` where the store is one server.
    public internal(set) var copies: Copies?

    /// Whether no worker trusts what it cached before.
    var isComplete: Bool {
        unacknowledged.isEmpty && foreign.isEmpty && unreadable.isEmpty && unlistedUntil == nil
    }
}

/// The servers that hold a change.
public struct Copies: Equatable, Sendable {
    /// The primary, and the replicas that have acknowledged.
    public let count: Int

    /// Whether as many as are needed have written it to their disks.
    public let isOnDisk: Bool
}
