import KeyFormat
import Keyring
import RedisClient

/// A change of a record that the store has made.
struct RecordChange {
    /// What was stored before; `nil` where there was nothing.
    let before: KeyRecord?

    /// What was written.
    let record: KeyRecord

    /// When the store's reply had arrived: from then on no gateway hears anything else from it.
    let repliedAt: MonotonicTime

    /// Why the audit does not have the change; `nil` where it has it.
    var auditFault: RedisError?

    /// Throws where the audit does not have the change, which was made all the same.
    func checkAudited() throws(AdministrationError) {
        guard let auditFault else { return }
        throw AdministrationError(
            .unconfirmed,
            "\(record.organization) was changed, but the change is not in its audit: "
                + auditFault.message
        )
    }

    /// Whether what is stored now bears the change out: it is what was written, or what others made
    /// of it later; and no key that the change ended is in it. A record that is gone bears nothing
    /// out: nothing of ours removes one, so the store has lost what it had, the list of gateways too.
    func isReflected(in stored: KeyRecord?) -> Bool {
        guard let stored else { return false }
        if stored == record || stored.key == nil && record.key == nil { return true }
        return record.version < stored.version && !stored.verifiers.contains(where: hasEnded)
    }

    private func hasEnded(_ verifier: Verifier) -> Bool {
        before?.verifiers.contains(verifier) == true && !record.verifiers.contains(verifier)
    }
}

extension KeyRecord {
    /// Of each key that the record lets in.
    fileprivate var verifiers: [Verifier] {
        [key?.verifier, previous?.verifier].compactMap { $0 }
    }
}
