import KeyFormat
import Keyring
import RedisClient

/// Whether the stored records can be proven.
struct RecordCheck {
    private let configuration: Configuration
    private let connection: StoreConnection

    init(_ configuration: Configuration, _ connection: StoreConnection) {
        self.configuration = configuration
        self.connection = connection
    }

    var findings: [Finding] {
        guard let peppers = try? Secrets.peppers(configuration) else { return [] }
        let seal = RecordSeal(peppers: peppers)
        let store = RecordStore(connection, clock: SystemClock(), seal: seal)
        var provenCount = 0
        let faults: [String]
        do throws(AdministrationError) {
            faults = try RecordListing(store).visitProven(seal) { _, _ in provenCount += 1 }
        } catch {
            return [.fault("records", error.message, "allow +scan and +hmget: docs/ACCESS.md")]
        }
        let count = provenCount + faults.count
        guard let first = faults.first else {
            return [.ok("records", "\(Counted(count, "record").are) proven")]
        }
        let others = faults.count > 1 ? ", and \(faults.count - 1) more" : ""
        return [
            .fault(
                "records",
                "\(faults.count) of \(count) records cannot be proven: \(first)\(others)",
                "check that no pepper is missing from the file; if none is: latchkey org remove, then org add"
            )
        ]
    }
}
