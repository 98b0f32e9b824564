import KeyFormat
import Keyring
import RedisClient

/// How work on many organizations goes on.
public struct BatchProgress: Sendable {
    /// How many lines have been dealt with.
    public internal(set) var done = 0
    /// How many there are.
    public let count: Int
}

/// What became of many lines.
public struct BatchSummary: Sendable {
    /// A line that was refused.
    public struct Refusal: Sendable {
        /// Which line it was.
        public let line: OrganizationLine
        /// Why.
        public let error: AdministrationError
    }

    /// How many organizations were changed.
    public internal(set) var changed = 0
    /// How many were left as they are.
    public internal(set) var unchanged = 0
    /// The lines that were refused.
    public internal(set) var refusals: [Refusal] = []
    /// How many lines were not looked at, because nobody wanted to go on.
    public internal(set) var left = 0

    mutating func add(_ outcome: RecordBatch.Outcome, _ line: OrganizationLine) {
        switch outcome {
        case .changed(let change):
            changed += 1
            do throws(AdministrationError) { try change.checkAudited() } catch {
                refusals.append(.init(line: line, error: error))
            }
        case .unchanged: unchanged += 1
        case .refused(let error): refusals.append(.init(line: line, error: error))
        }
    }
}

extension KeyAdministration {
    /// Adds many organizations, each with its owner.
    ///
    /// - Parameter goesOn: Is told how it goes; ends it, between two batches, by returning `false`.
    public func addOrganizations(
        _ lines: [OrganizationLine],
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> BatchSummary {
        try OwnerRule.check(.addOrganization, on: nil, owner: nil, by: caller)
        let entry = audit(.register)
        var summary = BatchSummary()
        try forEachBatch(lines, &summary, onProgress) { lines throws(AdministrationError) in
            try batch().change(
                lines.map { line in
                    .init(organization: line.organization, audit: entry) {
                        existing throws(AdministrationError) in
                        try Self.registered(line.organization, owner: line.principal, existing)
                    }
                }
            )
        }
        return summary
    }

    func batch(setsVersion: Bool = false) -> RecordBatch {
        RecordBatch(store, channel: channel, clock: clock, seal: seal, setsVersion: setsVersion)
    }

    /// Does something with each batch of lines, as long as somebody wants to go on.
    func forEachBatch(
        _ lines: [OrganizationLine],
        _ summary: inout BatchSummary,
        _ onProgress: (BatchProgress) -> Bool,
        _ body: (ArraySlice<OrganizationLine>) throws(AdministrationError) -> [RecordBatch.Outcome]
    ) throws(AdministrationError) {
        var progress = BatchProgress(count: lines.count)
        while progress.done < lines.count {
            guard onProgress(progress) else {
                summary.left = lines.count - progress.done
                return
            }
            let part = lines[progress.done...].prefix(RecordBatch.countMax)
            for (line, outcome) in zip(part, try body(part)) { summary.add(outcome, line) }
            progress.done += part.count
        }
        _ = onProgress(progress)
    }
}
