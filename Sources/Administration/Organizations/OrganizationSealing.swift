import KeyFormat
import Keyring
import RedisClient

extension KeyAdministration {
    /// Seals the records anew that were sealed with another pepper than the first; their keys, owners
    /// and all else stay.
    ///
    /// - Returns: How many were, and what is wrong with those of which nothing can be proven.
    public func sealRecords() throws(AdministrationError) -> (count: Int, faults: [String]) {
        try OwnerRule.check(.sealRecords, on: nil, owner: nil, by: caller)
        var outdated: [Organization] = []
        var faults = try RecordListing(store).visitProven(seal) { record, stored in
            if stored.pepperIndex(seal) != 0 { outdated.append(record.organization) }
        }
        var count = 0
        for organization in outdated {
            let change = try store.change(organization, audit(.seal)) { $0?.resealed() }
            guard let change else { continue }
            count += 1
            do throws(AdministrationError) { try change.checkAudited() } catch {
                faults.append(error.message)
            }
        }
        return (count, faults)
    }
}
