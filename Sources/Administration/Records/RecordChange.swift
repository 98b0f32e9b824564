import KeyFormat
import Keyring
import RedisClient

/// A change of a record that the store has made.
struct RecordChange {
    /// The record before the change; `nil` if there was none, or none that could be proven.
    let before: KeyRecord?

    /// What was written, or was to be.
    let record: KeyRecord

    /// Whether the record can be proven now. Otherwise it admits no key.
    var isProvable = true

    /// When the store's reply had arrived: whatever a worker reads from then on includes the change.
    var repliedAt: MonotonicTime

    /// The primary that holds it; `nil` where the store is one server.
    var primary: Primary?

    /// The fleet, read after the change on the same connection; `nil` if it was not read.
    var fleet: FleetReading?

    /// Whether a signal followed the change.
    var signalling = Signalling.unsent

    /// Why the change is not in the audit; `nil` if it is.
    var auditFault: RedisError?

    /// Why nothing but the deletion of the keys was written, and that not in the audit; `nil` otherwise.
    var incompleteness: RedisError?

    /// What it is about.
    var place: Place { .record(record.organization.locator) }

    /// What remains uncertain although the change is confirmed; `nil` if nothing does.
    var uncertainty: ConfirmationResult.Uncertainty? {
        incompleteness.map { .incomplete($0.message) } ?? auditFault.map { .notAudited($0.message) }
    }

    /// The error for a change that is not in the audit; `nil` if it is.
    var missingAudit: AdministrationError? {
        auditFault.map {
            AdministrationError(
                .unconfirmed,
                "\(record.organization) was changed, but the change is not in its audit: \($0.message)"
            )
        }
    }

    /// - Throws: ``missingAudit``. The change was made all the same.
    func checkAudited() throws(AdministrationError) {
        if let missingAudit { throw missingAudit }
    }

    /// Whether a stored record is what was to be written.
    ///
    /// - Parameter proven: The record if it could be proven.
    private func isWritten(_ proven: KeyRecord?, _ claim: StoredRecord?) -> Bool {
        (isProvable ? proven : claim?.unauthenticatedRecord) == record
    }

    /// Whether the change was made after all, although the store's reply was lost.
    ///
    /// - Throws: An error if the record has been changed again since. Nobody knows then, and a key that
    ///   the other change may have ended must not be written again.
    func wasMade(_ proven: KeyRecord?, _ claim: StoredRecord? = nil) throws(AdministrationError)
        -> Bool
    {
        if isWritten(proven, claim) { return true }
        guard let proven, record.version < proven.version else { return false }
        throw AdministrationError(.unconfirmed, "the record has been changed again since")
    }

    /// Whether the stored record still reflects the change: it is what was written, or a later version
    /// of it without any key that the change ended.
    ///
    /// A missing record does not: Latchkey never deletes one, so the store has lost its data, the
    /// membership included.
    ///
    /// - Parameter isSameLine: Whether the record is at the primary that holds the change. Versions at another
    ///   one say nothing: it may never have had the change.
    func isReflected(in stored: KeyRecord?, isSameLine: Bool = true) -> Bool {
        guard let stored else { return false }
        if stored == record || stored.key == nil && record.key == nil { return true }
        return isSameLine && record.version < stored.version
            && !stored.verifiers.contains(where: hasEnded)
    }

    private func hasEnded(_ verifier: Verifier) -> Bool {
        before?.verifiers.contains(verifier) == true && !record.verifiers.contains(verifier)
    }
}

extension KeyRecord {
    /// The verifiers of the keys that the record admits.
    fileprivate var verifiers: [Verifier] {
        [key?.verifier, previous?.verifier].compactMap { $0 }
    }
}
