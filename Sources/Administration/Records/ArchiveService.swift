import KeyFormat
import Keyring
import RedisClient

/// Exports and imports all records, for operators.
public struct ArchiveService {
    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// All records that can be proven, as an archive.
    ///
    /// - Throws: An error if the caller is not an operator, or the records cannot be listed.
    public func export() throws(AdministrationError) -> ([UInt8], TransferSummary) {
        try OwnerRule.check(.exportRecords, on: nil, owner: nil, by: context.caller)
        var summary = TransferSummary()
        var text = RecordArchive.beginning
        var proven: [(Locator, StoredRecord)] = []
        summary.faults = try RecordListing(context.store).visitProven(context.seal) {
            record,
            stored in
            proven.append((record.organization.locator, stored))
        }
        for start in stride(from: 0, to: proven.count, by: RecordBatch.countMax) {
            let part = proven[start...].prefix(RecordBatch.countMax)
            let uses = try context.store.read(
                part.map { (.uses($0.0), [UseCommands.read($0.0)]) }
            )
            for ((_, stored), use) in zip(part, uses) {
                text += RecordArchive.line(stored, lastUse: UseCommands.lastUse(use[0]))
            }
        }
        summary.written = proven.count
        text += RecordArchive.end(of: text, count: proven.count)
        return (text, summary)
    }

    /// Writes the records of an archive that the store lacks, or has in earlier versions.
    ///
    /// - Parameter onProgress: Called before each batch; returns `false` to stop.
    /// - Throws: An error if the caller is not an operator, a batch could not be written, or the archive
    ///   is damaged or holds a record that cannot be proven; in that case nothing is written.
    public func `import`(
        _ text: [UInt8],
        policy: ConfirmationPolicy,
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> (TransferSummary, ConfirmationResult) {
        try OwnerRule.check(.importRecords, on: nil, owner: nil, by: context.caller)
        let read = try Self.entries(in: text)
        let pairs = context.inStoreOrder(Array(zip(try proven(read), read)), \.0.organization)
        let (records, entries) = (pairs.map(\.0), pairs.map(\.1))
        try distrustMembership()
        let (summary, changes): (TransferSummary, [RecordChange])
        do throws(AdministrationError) {
            (summary, changes) = try write(records, entries, policy, onProgress)
        } catch {
            try? distrustMembership()
            throw error
        }
        try distrustMembership()
        let confirmation = context.confirmer.confirmation(
            of: changes,
            by: context.clock.monotonic,
            policy
        )
        return (summary, confirmation)
    }

    private func write(
        _ records: [KeyRecord],
        _ entries: [RecordArchive.Entry],
        _ policy: ConfirmationPolicy,
        _ onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> (TransferSummary, [RecordChange]) {
        var summary = TransferSummary()
        var changes: [RecordChange] = []
        var progress = BatchProgress(count: records.count)
        while progress.done < records.count, onProgress(progress) {
            let part = records[progress.done...].prefix(RecordBatch.countMax)
            let outcomes = try translating(try write(part, policy)) {
                (error: AdministrationError) in
                error.after(progress.done, "record")
            }
            changes += outcomes.compactMap(\.change)
            for outcome in outcomes {
                switch outcome {
                case .changed(let change):
                    summary.written += 1
                    if let error = change.missingAudit { summary.faults.append(error.message) }
                case .unchanged: summary.left += 1
                case .refused(let error): summary.faults.append(error.message)
                case .failed: break
                }
            }
            if let failure = outcomes.lazy.compactMap(\.failure).first {
                let done = outcomes.count { $0.failure == nil }
                throw failure.after(progress.done + done, "record")
            }
            summary.faults += try importUses(
                entries[progress.done...].prefix(RecordBatch.countMax)
            )
            progress.done += part.count
        }
        let left = records.count - progress.done
        if left > 0 {
            summary.faults.append("interrupted: \(Counted(left, "record").were) not imported")
        }
        return (summary, changes)
    }

    /// Workers that are not listed here may have cached the keys that the archive brings.
    private func distrustMembership() throws(AdministrationError) {
        let id = context.makeSignalID(context.clock.unix)
        if let error = try context.store.read([Membership.renew(as: id)], at: .membership)[0]
            .failure
        {
            throw AdministrationError(error)
        }
    }

    private func write(_ records: ArraySlice<KeyRecord>, _ policy: ConfirmationPolicy)
        throws(AdministrationError) -> [RecordBatch.Outcome]
    {
        let entry = context.audit(.import)
        let batch = RecordBatch(context.store, setsVersion: true, isAwaited: policy.isAwaited)
        return try batch.change(
            records.map { record in
                .init(organization: record.organization, audit: entry) {
                    existing throws(AdministrationError) in
                    (existing?.version ?? 0) < record.version ? record : nil
                }
            }
        )
    }

    private static func entries(in text: [UInt8]) throws(AdministrationError)
        -> [RecordArchive.Entry]
    {
        try translating(try RecordArchive.entries(in: text)) { (fault: RecordArchive.Fault) in
            let reason =
                switch fault {
                case .notAnArchive: "it is not an export of this release"
                case .checksum: "it is incomplete or was altered (its SHA-256 does not match)"
                case .line(let number): "line \(number) is not a record"
                }
            return AdministrationError(.data, "nothing was imported: \(reason)")
        }
    }

    private func proven(_ entries: [RecordArchive.Entry]) throws(AdministrationError)
        -> [KeyRecord]
    {
        var records: [KeyRecord] = []
        var seen: Set<Locator> = []
        for (index, entry) in entries.enumerated() {
            let record = try translating(
                try entry.stored.record(at: entry.locator, seal: context.seal)
            ) { (fault: RecordFault) in
                AdministrationError(
                    .data,
                    "nothing was imported: the record on line \(index + 2) \(fault)"
                )
            }
            records.append(record)
            guard seen.insert(entry.locator).inserted else {
                throw AdministrationError(
                    .data,
                    "nothing was imported: line \(index + 2) repeats an organization"
                )
            }
        }
        return records
    }

    /// Returns a line for each last use that could not be written.
    private func importUses(_ entries: ArraySlice<RecordArchive.Entry>)
        throws(AdministrationError) -> [String]
    {
        let uses = entries.compactMap { entry in
            entry.lastUse.map { (key: entry.locator, value: $0) }
        }
        let shards = Dictionary(grouping: uses) { Place.uses($0.key).slot }
        let parts = shards.values.map { uses -> PlacedCommands in
            (.uses(uses[0].key), UseCommands.record(uses).map(\.command))
        }
        return try context.store.read(parts).flatMap { $0.compactMap(\.failure) }.map {
            "last uses were not imported: \($0.message)"
        }
    }
}

/// The result of an export or import.
public struct TransferSummary: Sendable {
    /// Number of written records.
    public internal(set) var written = 0

    /// Number of records that were left unchanged: the store has the same or a later version.
    public internal(set) var left = 0

    /// What is wrong with the others, a line each.
    public internal(set) var faults: [String] = []
}
