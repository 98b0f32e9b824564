import KeyFormat
import Keyring
import RedisClient

/// Reads the stored records of all organizations.
struct RecordListing {
    /// A scan that begins again so often does not end.
    private static let restartsMax = 16

    let store: RecordStore

    init(_ store: RecordStore) {
        self.store = store
    }

    /// Calls `body` with each record that can be proven, and with its stored form.
    ///
    /// - Returns: A line for each of the others, in the order of their locators. In a cluster they include those that are at a
    ///   server that does not hold their slot.
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visitProven(
        _ seal: RecordSeal,
        _ body: (KeyRecord, StoredRecord) throws(AdministrationError) -> Void
    ) throws(AdministrationError) -> [String] {
        var faults: [String] = []
        var absent: [Locator: Place] = [:]
        try visit { locator, place, reply throws(AdministrationError) in
            let proven: (KeyRecord, StoredRecord)?
            do throws(RecordFault) {
                let stored = try StoredRecord(reply)
                proven = try stored.present(at: locator, seal: seal).map { ($0, stored) }
            } catch {
                faults.append("the record of locator \(locator) \(error)")
                return
            }
            if let proven { try body(proven.0, proven.1) } else { absent[locator] = place }
        }
        if let cluster = store.channel.cluster { faults += try strandedRecords(absent, cluster) }
        return faults.sorted()
    }

    /// Calls `body` with each record's locator, where it was found, and the reply to ``KeyCommands/read(_:)``.
    ///
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visit(_ body: (Locator, Place, RedisReply) throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        try visitPages { locators, place throws(AdministrationError) in
            guard !locators.isEmpty else { return }
            let replies = try store.read(
                locators.map { (.record($0), [KeyCommands.read($0)]) }
            )
            for (locator, reply) in zip(locators, replies) { try body(locator, place, reply[0]) }
        }
    }

    /// The locators of all records.
    ///
    /// - Throws: An error if the records cannot be listed.
    func locators() throws(AdministrationError) -> [Locator] {
        var locators: [Locator] = []
        try visitPages { page, _ in locators += page }
        return locators
    }

    /// Calls `body` with the locators of each page, and where they were found. No locator comes twice.
    private func visitPages(_ body: ([Locator], Place) throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        var seen: Set<Locator> = []
        if let cluster = store.channel.cluster {
            try visitServers(cluster, &seen, body)
        } else {
            try visitPages(of: .membership, &seen, body)
        }
    }

    /// Scans the server that holds a place. Each process has an order of its own: where another one replies, because the
    /// server was restarted or another one has taken over, the scan begins again.
    func visitPages(
        of place: Place,
        _ seen: inout Set<Locator>,
        _ body: ([Locator], Place) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        var scan = RecordScan()
        var scanned: String?
        var restarts = 0
        while let command = scan.next {
            let replies = try store.read([command, StoreInformation.readServer], at: place)
            let (page, process) = try translating(
                (try scan.receive(replies[0]), try StoreInformation.process(replies[1]))
            ) { (error: RedisError) in
                AdministrationError(refused: "the records cannot be listed", error)
            }
            if let scanned, scanned != process {
                restarts += 1
                guard restarts <= Self.restartsMax else { throw Self.restartedTooOften }
                scan = RecordScan()
            }
            scanned = process
            let new = page.filter { !seen.contains($0) }
            try body(new, place)
            seen.formUnion(new)
        }
    }

    private static var restartedTooOften: AdministrationError {
        AdministrationError(
            .store,
            "the records cannot be listed while the store is restarted again and again: try again later"
        )
    }
}
