import KeyFormat
import Keyring
import RedisClient

/// Adds organizations and generates keys in batches, for operators.
public struct BulkService {
    let context: AdministrationContext

    /// Adds organizations, each with its owner.
    ///
    /// - Parameter onProgress: Called before each batch and at the end; returns `false` to stop.
    /// - Throws: An error if the caller is not an operator, or a batch could not be written.
    public func addOrganizations(
        _ lines: [OrganizationLine],
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> BatchSummary {
        try OwnerRule.check(.addOrganization, on: nil, owner: nil, by: context.caller)
        var summary = BatchSummary()
        let lines = context.inStoreOrder(lines, \.organization)
        try forEachBatch(lines, &summary, onProgress) { lines throws(AdministrationError) in
            let entry = context.audit(.register)
            return try RecordBatch(context.store).change(
                lines.map { line in
                    .init(organization: line.organization, audit: entry) {
                        existing throws(AdministrationError) in
                        try OrganizationService.added(
                            line.organization,
                            owner: line.principal,
                            existing
                        )
                    }
                }
            )
        }
        return summary
    }

    /// Runs `body` for each batch of lines until `onProgress` returns `false`.
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
            let outcomes = try translating(try body(part)) { (error: AdministrationError) in
                error.after(progress.done, "line")
            }
            for (line, outcome) in zip(part, outcomes) { summary.add(outcome, line) }
            if let failure = outcomes.lazy.compactMap(\.failure).first {
                let done = outcomes.count { $0.failure == nil }
                throw failure.after(progress.done + done, "line")
            }
            progress.done += part.count
        }
        _ = onProgress(progress)
    }
}

/// The progress of a bulk operation.
public struct BatchProgress: Sendable {
    /// Number of processed lines.
    public internal(set) var done = 0

    /// Number of all lines.
    public let count: Int
}

/// The result of a bulk operation.
public struct BatchSummary: Sendable {
    /// A refused line.
    public struct Refusal: Sendable {
        /// Which line was refused.
        public let line: OrganizationLine

        /// Why.
        public let error: AdministrationError
    }

    /// Number of changed organizations.
    public internal(set) var changed = 0

    /// Number of organizations that needed no change.
    public internal(set) var unchanged = 0

    /// Lines that were refused, or changed without an audit entry.
    public internal(set) var refusals: [Refusal] = []

    /// Number of lines that were not processed, because the caller stopped.
    public internal(set) var left = 0

    mutating func add(_ outcome: RecordBatch.Outcome, _ line: OrganizationLine) {
        switch outcome {
        case .changed(let change):
            changed += 1
            if let error = change.missingAudit { refusals.append(.init(line: line, error: error)) }
        case .unchanged: unchanged += 1
        case .refused(let error): refusals.append(.init(line: line, error: error))
        case .failed: break
        }
    }
}

extension RecordBatch.Outcome {
    /// What has to be confirmed; `nil` if nothing has.
    var change: RecordChange? {
        switch self {
        case .changed(let change): change
        case .unchanged(let earlier): earlier
        case .refused, .failed: nil
        }
    }

    /// Why the batch ended; `nil` if it went on.
    var failure: AdministrationError? { if case .failed(let error) = self { error } else { nil } }
}

extension AdministrationContext {
    /// Elements in the order in which the store takes them best: in a cluster by slot, so that records of one slot are
    /// written together.
    func inStoreOrder<Element>(_ elements: [Element], _ organization: (Element) -> Organization)
        -> [Element]
    {
        guard channel.cluster != nil else { return elements }
        return elements.enumerated()
            .map { (Place.record(organization($1).locator).slot?.number ?? 0, $0, $1) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }
            .map(\.2)
    }
}
