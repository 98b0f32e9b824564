import KeyFormat
import Keyring
import RedisClient

/// Converts what releases before 0.3 have stored, for operators. Records, keys and last uses are as they were;
/// the audit and the list of workers have another form.
public struct MigrationService {
    /// How often a stream is read again because somebody has written to it.
    private static let attemptsMax = 16

    private let context: AdministrationContext

    init(_ context: AdministrationContext) {
        self.context = context
    }

    /// Converts the audit of each organization, and removes the former list of workers once none of them is alive.
    /// What is converted already is left alone, so that it can be repeated.
    ///
    /// - Throws: An error if the caller is not an operator, or the store does not take the change. What was
    ///   converted before stays.
    public func migrate() throws(AdministrationError) -> MigrationSummary {
        try OwnerRule.checkOperator(context.caller, to: "convert the store")
        var summary = MigrationSummary()
        let locators = try RecordListing(context.store).locators()
        summary.organizations = locators.count
        // Earlier releases kept nothing in a cluster.
        guard context.channel.cluster == nil else { return summary }
        for locator in locators {
            var isConverted = false
            for stream in try streams(of: locator) {
                isConverted = try convert(stream, of: locator) || isConverted
            }
            if isConverted { summary.converted += 1 }
        }
        summary.formerWorkers = try removeFormerMembership()
        return summary
    }

    private func streams(of locator: Locator) throws(AdministrationError) -> [AuditStream] {
        let candidates = AuditStream.all(of: locator)
        let replies = try context.store.read(candidates.map(\.probe), at: .record(locator))
        var streams: [AuditStream] = []
        for (stream, reply) in zip(candidates, replies) {
            let isStream = try translating(try AuditStream.isStream(reply), Self.refused)
            if isStream { streams.append(stream) }
        }
        return streams
    }

    /// - Returns: `false` if somebody else has converted it meanwhile.
    private func convert(_ stream: AuditStream, of locator: Locator) throws(AdministrationError)
        -> Bool
    {
        for _ in 0..<Self.attemptsMax {
            let replies = try context.store.read(stream.read, at: .record(locator))
            if let error = replies[0].failure { throw Self.refused(error) }
            if replies[1].failure?.code == "WRONGTYPE" { return false }
            let texts = try translating(try AuditStream.texts(replies[1]), Self.refused)
            if try execute(stream.replace(by: texts)) { return true }
        }
        throw AdministrationError(
            .store,
            "other commands keep writing to an audit: run this again when no command of an earlier release "
                + "is running"
        )
    }

    /// - Returns: `false` if what is watched has changed.
    private func execute(_ commands: [RedisCommand]) throws(AdministrationError) -> Bool {
        let channel = context.channel
        let begun = try translatingStoreFault(
            try channel.execute([RedisCommand("MULTI")], onSameConnection: true)
        )
        if let error = begun[0].failure { throw Self.refused(error) }
        let replies = try translatingStoreFault(
            try channel.execute(commands + [RedisCommand("EXEC")], onSameConnection: true)
        )
        // The error of a command that was not queued says more than that of EXEC.
        if let error = replies.firstFailure { throw Self.refused(error) }
        guard case .array(let results)? = replies.last else { return false }
        if let error = results.firstFailure { throw Self.refused(error) }
        return true
    }

    /// - Returns: Number of workers of an earlier release that may still check keys.
    private func removeFormerMembership() throws(AdministrationError) -> Int {
        let replies = try context.store.read(FormerMembership.read, at: .membership)
        let count = try translating(try FormerMembership.livingCount(replies), Self.refused)
        guard count == 0 else { return count ?? 0 }
        let reply = try context.store.read([FormerMembership.remove], at: .membership)[0]
        if let error = reply.failure { throw Self.refused(error) }
        return 0
    }

    private static func refused(_ error: RedisError) -> AdministrationError {
        AdministrationError(
            refused: "the store cannot be converted (docs/OPERATIONS.md names the permissions)",
            error
        )
    }
}

/// The result of a migration.
public struct MigrationSummary: Sendable {
    /// Number of organizations that have a record.
    public internal(set) var organizations = 0

    /// Number of organizations whose audit was converted.
    public internal(set) var converted = 0

    /// Number of workers of an earlier release that may still check keys.
    public internal(set) var formerWorkers = 0
}
