import KeyFormat
import Keyring
import RedisClient

extension RecordListing {
    /// A line for each record that was found at a server that does not hold its slot, and is not where it belongs: a move broke off,
    /// or was given up with the record at its target.
    ///
    /// - Parameter absent: Records that their holder did not have, and where they were found.
    func strandedRecords(_ absent: [Locator: Place], _ cluster: any ClusteredStore)
        throws(AdministrationError) -> [String]
    {
        var faults: [String] = []
        for (locator, place) in absent {
            guard case .server(let server) = place else { continue }
            let command = KeyCommands.read(locator)
            let found = try translatingStoreFault(
                try cluster.execute([ClusterCommands.asking, command], at: server)
            )
            guard (try? StoredRecord(found[1]))?.isAbsent == false else { continue }
            let held = try store.read([command], at: .record(locator))[0]
            guard (try? StoredRecord(held))?.isAbsent == true else { continue }
            faults.append(
                "the record of locator \(locator) is at \(server), which does not hold its slot: "
                    + "redis-cli --cluster fix"
            )
        }
        return faults
    }
}
