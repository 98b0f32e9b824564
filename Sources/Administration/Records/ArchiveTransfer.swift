import KeyFormat
import Keyring
import RedisClient

/// Why records could not be exported or imported in full.
public struct TransferSummary: Sendable {
    /// How many records were written.
    public internal(set) var written = 0
    /// How many were left as they are, because the store has the same or a later version.
    public internal(set) var left = 0
    /// What is wrong with the others, a line each.
    public internal(set) var faults: [String] = []
}

extension KeyAdministration {
    /// All records that can be proven, as an archive.
    public func exportRecords() throws(AdministrationError) -> ([UInt8], TransferSummary) {
        try OwnerRule.check(.exportRecords, on: nil, owner: nil, by: caller)
        var summary = TransferSummary()
        var text = RecordArchive.beginning
        var proven: [(Locator, StoredRecord)] = []
        try RecordListing(store).visit { locator, reply in
            do throws(RecordFault) {
                let stored = try StoredRecord(reply)
                guard !stored.isAbsent else { return }
                _ = try stored.record(at: locator, seal: seal)
                proven.append((locator, stored))
            } catch {
                summary.faults.append("the record of locator \(locator) \(error)")
            }
        }
        for start in stride(from: 0, to: proven.count, by: RecordBatch.countMax) {
            let part = proven[start...].prefix(RecordBatch.countMax)
            let uses = try store.read(part.map { UseCommands.read($0.0) })
            for ((_, stored), use) in zip(part, uses) {
                text += RecordArchive.line(stored, lastUse: UseCommands.lastUse(use))
            }
        }
        summary.written = proven.count
        text += RecordArchive.end(of: text, count: proven.count)
        return (text, summary)
    }

    /// Writes the records of an archive where the store has none, or earlier versions of them.
    ///
    /// Nothing is written of an archive that is damaged, or in which a record cannot be proven.
    public func importRecords(
        _ text: [UInt8],
        policy: ConfirmationPolicy,
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> (TransferSummary, ConfirmationResult) {
        try OwnerRule.check(.importRecords, on: nil, owner: nil, by: caller)
        let entries = try Self.entries(in: text)
        let records = try proven(entries)
        let entry = audit(.import)
        var summary = TransferSummary()
        var changes: [RecordChange] = []
        var progress = BatchProgress(count: records.count)
        while progress.done < records.count, onProgress(progress) {
            let part = records[progress.done...].prefix(RecordBatch.countMax)
            let outcomes = try batch(setsVersion: true).change(
                part.map { record in
                    .init(organization: record.organization, audit: entry) {
                        existing throws(AdministrationError) in
                        (existing?.version ?? 0) < record.version ? record : nil
                    }
                }
            )
            for outcome in outcomes {
                switch outcome {
                case .changed(let change):
                    changes.append(change)
                    do throws(AdministrationError) { try change.checkAudited() } catch {
                        summary.faults.append(error.message)
                    }
                case .unchanged: summary.left += 1
                case .refused(let error): summary.faults.append(error.message)
                }
            }
            summary.faults += try importUses(
                entries[progress.done...].prefix(RecordBatch.countMax)
            )
            progress.done += part.count
        }
        summary.written = changes.count
        if progress.done < records.count {
            summary.faults.append(
                "interrupted: \(Counted(records.count - progress.done, "record").were) not imported"
            )
        }
        return (summary, confirmer.confirmation(of: changes, by: clock.monotonic, policy))
    }

    private static func entries(in text: [UInt8]) throws(AdministrationError)
        -> [RecordArchive.Entry]
    {
        do throws(RecordArchive.Fault) {
            return try RecordArchive.entries(in: text)
        } catch {
            let reason =
                switch error {
                case .notAnArchive: "it is not an export of this release"
                case .checksum: "it is incomplete or was altered (its SHA-256 does not match)"
                case .line(let number): "line \(number) is not a record"
                }
            throw AdministrationError(.data, "nothing was imported: \(reason)")
        }
    }

    private func proven(_ entries: [RecordArchive.Entry]) throws(AdministrationError)
        -> [KeyRecord]
    {
        var records: [KeyRecord] = []
        var seen: Set<Locator> = []
        for (index, entry) in entries.enumerated() {
            do throws(RecordFault) {
                records.append(try entry.stored.record(at: entry.locator, seal: seal))
            } catch {
                throw AdministrationError(
                    .data,
                    "nothing was imported: the record on line \(index + 2) \(error)"
                )
            }
            guard seen.insert(entry.locator).inserted else {
                throw AdministrationError(
                    .data,
                    "nothing was imported: line \(index + 2) repeats an organization"
                )
            }
        }
        return records
    }

    /// Returns why last uses could not be written.
    private func importUses(_ entries: ArraySlice<RecordArchive.Entry>)
        throws(AdministrationError) -> [String]
    {
        let uses = entries.compactMap { entry in
            entry.lastUse.map { (key: entry.locator, value: $0) }
        }
        return try store.read(UseCommands.record(uses)).compactMap(\.failure).map {
            "last uses were not imported: \($0.message)"
        }
    }
}
