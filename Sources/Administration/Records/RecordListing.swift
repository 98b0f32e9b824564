import KeyFormat
import Keyring
import RedisClient

/// Reads the records of all organizations, as they are stored.
struct RecordListing {
    private let store: RecordStore

    init(_ store: RecordStore) {
        self.store = store
    }

    /// Hands over each record that can be proven, and as it is stored. Returns what is wrong with the
    /// others, in the order of their locators.
    func visitProven(
        _ seal: RecordSeal,
        _ body: (KeyRecord, StoredRecord) throws(AdministrationError) -> Void
    ) throws(AdministrationError) -> [String] {
        var faults: [String] = []
        try visit { locator, reply throws(AdministrationError) in
            let proven: (KeyRecord, StoredRecord)?
            do throws(RecordFault) {
                let stored = try StoredRecord(reply)
                proven =
                    stored.isAbsent
                    ? nil : (try stored.record(at: locator, seal: seal), stored)
            } catch {
                faults.append("the record of locator \(locator) \(error)")
                return
            }
            if let proven { try body(proven.0, proven.1) }
        }
        return faults.sorted()
    }

    /// Hands over each record's locator and the reply to ``KeyCommands/read(_:)``.
    func visit(_ body: (Locator, RedisReply) throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        var scan = RecordScan()
        while let command = scan.next {
            let page = try store.read([command])[0]
            let locators: [Locator]
            do throws(RedisError) {
                locators = try scan.receive(page)
            } catch {
                throw AdministrationError(
                    error.code == "NOPERM" ? .notPermitted : .store,
                    "the records cannot be listed: \(error.message)"
                )
            }
            guard !locators.isEmpty else { continue }
            let replies = try store.read(locators.map { KeyCommands.read($0) })
            for (locator, reply) in zip(locators, replies) { try body(locator, reply) }
        }
    }
}
