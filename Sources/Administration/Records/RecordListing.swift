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
    /// A record of a cluster that its holder lacked gets a second look at the end: it may have been at the server that it was
    /// moved to, before its slot.
    ///
    /// - Returns: A line for each of the others, in the order of their locators. In a cluster they include those that are at a
    ///   server that does not hold their slot.
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visitProven(
        _ seal: RecordSeal,
        _ body: (KeyRecord, StoredRecord) throws(AdministrationError) -> Void
    ) throws(AdministrationError) -> [String] {
        var faults: [String] = []
        func take(_ locator: Locator, _ reply: RedisReply) throws(AdministrationError) -> Bool {
            let proven: (KeyRecord, StoredRecord)?
            do throws(RecordFault) {
                let stored = try StoredRecord(reply)
                proven = try stored.present(at: locator, seal: seal).map { ($0, stored) }
            } catch {
                faults.append("the record of locator \(locator) \(error)")
                return true
            }
            if let proven { try body(proven.0, proven.1) }
            return proven != nil
        }
        var absent: Set<Locator> = []
        try visit { locator, _, reply throws(AdministrationError) in
            if try !take(locator, reply) { absent.insert(locator) }
        }
        guard store.channel.cluster != nil, !absent.isEmpty else { return faults.sorted() }
        try visit(absent.contains) { locator, place, reply throws(AdministrationError) in
            guard try !take(locator, reply), case .server(let server) = place else { return }
            faults.append(
                "the record of locator \(locator) is at \(server), which does not hold its slot: "
                    + "redis-cli --cluster fix"
            )
        }
        return faults.sorted()
    }

    /// Calls `body` with each record's locator, where it was found, and the reply to ``KeyCommands/read(_:)``.
    ///
    /// - Throws: What `body` throws, or an error if the records cannot be listed.
    func visit(
        _ isIncluded: (Locator) -> Bool = { _ in true },
        _ body: (Locator, Place, RedisReply) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        try visitPages { page, place throws(AdministrationError) in
            let locators = page.filter(isIncluded)
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
