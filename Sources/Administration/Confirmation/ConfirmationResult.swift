import Keyring
import RedisClient

/// What is known of a change that the store has made: whether it holds at all gateways.
public enum ConfirmationResult: Equatable, Sendable {
    /// No gateway accepts a key that the change ended, since then; and the store still has the
    /// change.
    case confirmed(since: UnixTime, BarrierOutcome)

    /// It was not waited for.
    case notAwaited

    /// It cannot be said.
    case unconfirmed(Uncertainty)

    /// Why it cannot be said that a change holds at all gateways.
    public enum Uncertainty: Error, Equatable, Sendable {
        /// Nobody knows which gateways there are, for this reason.
        case membershipUnknown(String)
        /// Some gateways may still trust what was before.
        case unacknowledged(BarrierOutcome)
        /// No gateway trusts what was before, but the record could not be read back, for this
        /// reason.
        case notReadBack(String)
        /// What was read back is not what was written.
        case undone
        /// The change holds, as far as that was waited for, and the audit does not have it, for this
        /// reason.
        case notAudited(String)
    }
}

extension ConfirmationResult {
    /// Whether the change holds matters most: only then it is told that the audit does not have it.
    func including(_ auditFault: RedisError?) -> ConfirmationResult {
        guard let auditFault else { return self }
        if case .unconfirmed = self { return self }
        return .unconfirmed(.notAudited(auditFault.message))
    }
}

/// What the gateways' workers said to a change.
public struct BarrierOutcome: Equatable, Sendable {
    /// A worker that did not confirm.
    public struct Unacknowledged: Equatable, Sendable {
        /// What it said of itself.
        public let member: Member
        /// Until when it may accept what was before.
        public let until: UnixTime
    }

    /// Workers that did not confirm, and that cannot trust what was before any more.
    public internal(set) var expired: [Member] = []

    /// Workers that did not confirm, and that may trust what was before.
    public internal(set) var unacknowledged: [Unacknowledged] = []

    /// Names of entries that say nothing of their workers.
    public internal(set) var unreadable: [String] = []

    /// Whether the wait was ended from outside.
    public internal(set) var isInterrupted = false

    /// Why the store could not be asked at last, if it could not.
    public internal(set) var fault: String?

    /// Whether no worker trusts what was before.
    var isComplete: Bool { unacknowledged.isEmpty && unreadable.isEmpty }
}
