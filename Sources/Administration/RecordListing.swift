import KeyFormat
import Keyring
import RedisClient

/// Reads the records of all organizations, as they are stored.
struct RecordListing {
    private let store: RecordStore

    init(_ store: RecordStore) {
        self.store = store
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
                locators = try scan.take(page)
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
