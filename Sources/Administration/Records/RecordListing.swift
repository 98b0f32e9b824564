import KeyFormat
import Keyring
import RedisClient

/// Reads the stored records of all organizations.
struct RecordListing {
    private let store: RecordStore

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
        var scan = RecordScan()
        while let command = scan.next {
            let page = try store.read([command])[0]
            let locators = try translating(try scan.receive(page)) { (error: RedisError) in
                AdministrationError(refused: "the records cannot be listed", error)
            }
            guard !locators.isEmpty else { continue }
            let replies = try store.read(locators.map { KeyCommands.read($0) })
            for (locator, reply) in zip(locators, replies) { try body(locator, reply) }
        }
    }
}
