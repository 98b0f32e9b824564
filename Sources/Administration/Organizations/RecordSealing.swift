import KeyFormat
import Keyring
import RedisClient

extension OrganizationService {
    /// Reseals the records that are not sealed with the first pepper. Keys, owners and all else stay.
    ///
    /// - Returns: How many were resealed, and a line for each record that cannot be proven or audited.
    /// - Throws: An error if the caller is not an operator, or a record could not be written.
    public func sealRecords() throws(AdministrationError) -> (count: Int, faults: [String]) {
        try OwnerRule.check(.sealRecords, on: nil, owner: nil, by: context.caller)
        let (store, seal) = (context.store, context.seal)
        var outdated: [Organization] = []
        var faults = try RecordListing(store).visitProven(seal) { record, stored in
            if seal.pepperIndex(of: stored) != 0 { outdated.append(record.organization) }
        }
        var count = 0
        for organization in outdated {
            let change = try translating(
                try store.change(organization, context.audit(.seal)) { $0?.resealed() }
            ) { (error: AdministrationError) in error.after(count, "record") }
            guard let change else { continue }
            count += 1
            if let error = change.missingAudit { faults.append(error.message) }
        }
        return (count, faults)
    }
}
