@testable import Administration

/// What is simulated of a store, and an administration of what it holds.
protocol AdministeredStore {
    var administration: AdministrationContext { get }
}

extension AdministeredStore {
    func revoke(_ policy: ConfirmationPolicy = .untilConfirmed) throws -> ConfirmationResult? {
        try administration.keys.revoke(Installation.acme, policy: policy)
    }

    /// The outcome of a change that is confirmed; `nil` for any other.
    func confirmed(_ result: ConfirmationResult?) -> BarrierOutcome? {
        if case .confirmed(_, let outcome) = result { outcome } else { nil }
    }

    /// Why a change is not confirmed; `nil` if it is.
    func uncertainty(_ result: ConfirmationResult?) -> ConfirmationResult.Uncertainty? {
        if case .unconfirmed(let uncertainty) = result { uncertainty } else { nil }
    }
}
