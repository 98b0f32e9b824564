import KeyFormat
import Keyring
import RedisClient

/// Whether the stored records can be proven.
struct RecordCheck {
    private let configuration: Configuration
    private let channel: any StoreChannel

    init(_ configuration: Configuration, _ channel: any StoreChannel) {
        self.configuration = configuration
        self.channel = channel
    }

    var findings: [Finding] {
        guard let peppers = try? Secrets.peppers(configuration) else { return [] }
        let seal = RecordSeal(peppers: peppers)
        let store = RecordStore(channel, clock: SystemClock(), seal: seal)
        var provenCount = 0
        let faults: [String]
        do throws(AdministrationError) {
            faults = try RecordListing(store).visitProven(seal) { _, _ in provenCount += 1 }
        } catch {
            return [
                .fault("records", error.message, "allow +scan, +info and +hmget: docs/ACCESS.md")
            ]
        }
        let count = provenCount + faults.count
        guard let first = faults.first else {
            return [.ok("records", "\(Counted(count, "record").are) proven")]
                + formerAudits(store)
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

    /// Whether audits have the form of an earlier release, in which no change is recorded.
    private func formerAudits(_ store: RecordStore) -> [Finding] {
        var count = 0
        do throws(AdministrationError) {
            let locators = try RecordListing(store).locators()
            for start in stride(from: 0, to: locators.count, by: RecordBatch.countMax) {
                let part = locators[start...].prefix(RecordBatch.countMax)
                let replies = try store.read(
                    part.map { (.record($0), AuditStream.all(of: $0).map(\.probe)) }
                )
                count += replies.flatMap(\.self).count { reply in
                    (try? AuditStream.isStream(reply)) == true
                }
            }
        } catch {
            return []  // reported for the records
        }
        guard count > 0 else { return [] }
        return [
            .fault(
                "audit",
                "\(Counted(count, "audit").have) the form of a release before 0.3: changes are made, "
                    + "but not recorded, and end with 75",
                "latchkey migrate"
            )
        ]
    }
}
