import KeyFormat
import Keyring
import RedisClient

extension BulkService {
    /// Generates keys, each in its owner's name.
    ///
    /// - Parameters:
    ///   - isReplacing: Whether organizations that have a key get a new one. Otherwise they are left alone.
    ///   - deliver: Receives the lines `ORGANIZATION<TAB>KEY` of a batch as soon as it is stored. If it
    ///     fails, those keys are lost, and no further batch is written.
    ///   - onProgress: Called before each batch and at the end; returns `false` to stop.
    /// - Returns: The result of each line, and whether all changes together are confirmed.
    /// - Throws: An error if the caller is not an operator, a batch could not be written, or its keys
    ///   could not be delivered.
    public func generateKeys(
        _ lines: [OrganizationLine],
        isReplacing: Bool,
        lifetime: KeyLifetime,
        policy: ConfirmationPolicy,
        deliver: (Span<UInt8>) throws(AdministrationError) -> Void,
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> (BatchSummary, ConfirmationResult) {
        // An operator who may add organizations may also act for their owners.
        try OwnerRule.check(.addOrganization, on: nil, owner: nil, by: context.caller)
        let mint = KeyMint(prefix: context.configuration.prefix, pepper: context.peppers.current)
        var summary = BatchSummary()
        var changes: [RecordChange] = []
        let lines = context.inStoreOrder(lines, \.organization)
        try forEachBatch(lines, &summary, onProgress) { lines throws(AdministrationError) in
            let keys = lines.map { PendingKey(mint.mint(for: $0.organization.locator)) }
            let steps = zip(lines, keys).map { line, key in
                step(line, key.verifier, isReplacing: isReplacing, lifetime)
            }
            let outcomes = try RecordBatch(context.store, isAwaited: policy.isAwaited).change(steps)
            let new = zip(lines, zip(outcomes, keys)).compactMap { line, pair in
                if case .changed = pair.0 { (line, pair.1) } else { nil }
            }
            changes += outcomes.compactMap(\.change)
            try handOver(new, deliver)
            return outcomes
        }
        let confirmation = context.confirmer.confirmation(
            of: changes,
            by: context.clock.monotonic,
            policy
        )
        return (summary, confirmation)
    }

    private func step(
        _ line: OrganizationLine,
        _ verifier: Verifier,
        isReplacing: Bool,
        _ lifetime: KeyLifetime
    ) -> RecordBatch.Step {
        let owner = context.acting(as: line.principal)
        return .init(organization: line.organization, audit: owner.audit(.generate)) {
            existing throws(AdministrationError) in
            try owner.access.check(existing, line.organization, .generate)
            guard let existing, existing.key == nil || isReplacing else { return nil }
            let now = context.clock.unix
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: line.principal,
                expiresAt: lifetime.expiresInMilliseconds.map { now.advanced(byMilliseconds: $0) }
            )
            return existing.replacingKey(with: key, graceMilliseconds: lifetime.graceMilliseconds)
        }
    }

    private func handOver(
        _ keys: [(line: OrganizationLine, key: PendingKey)],
        _ deliver: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        guard !keys.isEmpty else { return }
        let capacity = keys.reduce(0) { $0 + $1.line.organization.length + $1.key.text.count + 2 }
        let text = SecretBytes(capacity: capacity) { text in
            for (line, key) in keys {
                for byte in line.organization.name.utf8 { text.append(byte) }
                text.append(UInt8(ascii: "\t"))
                key.text.withSpan { text.append(contentsOf: $0) }
                text.append(UInt8(ascii: "\n"))
            }
        }
        do throws(AdministrationError) {
            try text.withSpan(deliver)
        } catch {
            let names = keys.map(\.line.organization.name)
            throw AdministrationError(
                .output,
                "\(Counted(names.count, "organization").have) new keys that could not be handed over: "
                    + "\(error.message). Generate new ones with --replace, \(range(names))"
            )
        }
    }
}

extension BulkService {
    /// Most organizations that one line names.
    private static let namesMax = 8

    /// Which organizations. A cluster takes them in another order than the file's.
    private func range(_ names: [String]) -> String {
        context.channel.cluster == nil
            ? "from \(names[0]) to \(names[names.count - 1])"
            : "for those without a line: \(names.listed(max: Self.namesMax))"
    }
}

/// A new key that has not been handed over yet.
private final class PendingKey {
    let text: SecretBytes
    let verifier: Verifier

    init(_ minted: consuming KeyMint.MintedKey) {
        verifier = minted.verifier
        text = minted.takeText()
    }
}
