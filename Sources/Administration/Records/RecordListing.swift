import KeyFormat
import Keyring
import RedisClient

/// Reads the stored records of all organizations.
struct RecordListing {
    let store: RecordStore

    init(_ store: RecordStore) {
        self.store = store
    }

    /// Calls `body` with each record that can be proven, and with its stored form.
    ///
    /// - Returns: A line for each of the others, in the order of their locators.
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visitProven(
        _ seal: RecordSeal,
        _ body: (KeyRecord, StoredRecord) throws(AdministrationError) -> Void
    ) throws(AdministrationError) -> [String] {
        var faults: [String] = []
        try visit { locator, reply throws(AdministrationError) in
            let proven: (KeyRecord, StoredRecord)?
            do throws(RecordFault) {
                let stored = try StoredRecord(reply)
                proven = try stored.present(at: locator, seal: seal).map { ($0, stored) }
            } catch {
                faults.append("the record of locator \(locator) \(error)")
                return
            }
            if let proven { try body(proven.0, proven.1) }
        }
        return faults.sorted()
    }

    /// Calls `body` with each record's locator and the reply to ``KeyCommands/read(_:)``.
    ///
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visit(_ body: (Locator, RedisReply) throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        try visitPages { locators throws(AdministrationError) in
            guard !locators.isEmpty else { return }
            let replies = try store.read(
                locators.map { (.record($0), [KeyCommands.read($0)]) }
            )
            for (locator, reply) in zip(locators, replies) { try body(locator, reply[0]) }
        }
    }

    /// The locators of all records.
    ///
    /// - Throws: An error if the records cannot be listed.
    func locators() throws(AdministrationError) -> [Locator] {
        var locators: [Locator] = []
        try visitPages { locators += $0 }
        return locators
    }

    /// Calls `body` with the locators of each page. No locator comes twice.
    private func visitPages(_ body: ([Locator]) throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        var seen: Set<Locator> = []
        if let cluster = store.channel.cluster {
            try visitServers(cluster, &seen, body)
        } else {
            try visitPages(of: .membership, &seen, body)
        }
    }

    /// Scans the server that holds a place.
    func visitPages(
        of place: Place,
        _ seen: inout Set<Locator>,
        _ body: ([Locator]) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        var scan = RecordScan()
        while let command = scan.next {
            let page = try store.read([command], at: place)[0]
            let locators = try translating(try scan.receive(page)) { (error: RedisError) in
                AdministrationError(refused: "the records cannot be listed", error)
            }
            let new = locators.filter { !seen.contains($0) }
            try body(new)
            seen.formUnion(new)
        }
    }
}
