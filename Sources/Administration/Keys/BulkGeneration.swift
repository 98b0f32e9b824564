import KeyFormat
import Keyring
import RedisClient

/// For how long new keys and those before them count.
public struct KeySpans: Sendable {
    let expiresInMilliseconds: UInt64?
    let graceMilliseconds: UInt64

    /// - Parameters:
    ///   - span: After how many milliseconds a key expires.
    ///   - grace: For how many milliseconds the key before goes on.
    public init(expiresInMilliseconds span: UInt64?, graceMilliseconds grace: UInt64) {
        expiresInMilliseconds = span
        graceMilliseconds = grace
    }
}

extension KeyAdministration {
    /// Makes keys for many organizations, each in its owner's name. An organization that has a key is
    /// left alone, unless it is to be replaced.
    ///
    /// - Parameters:
    ///   - deliver: Gets the lines `ORGANIZATION<TAB>KEY` of a batch as soon as it is stored. Where
    ///     it fails, those keys are in nobody's hands, and nothing more is done.
    ///   - goesOn: Is told how it goes; ends it, between two batches, by returning `false`.
    /// - Returns: What became of the lines, and what the gateways said to it at the end.
    public func generateKeys(
        _ lines: [OrganizationLine],
        isReplacing: Bool,
        spans: KeySpans,
        policy: ConfirmationPolicy,
        deliver: (Span<UInt8>) throws(AdministrationError) -> Void,
        onProgress: (BatchProgress) -> Bool
    ) throws(AdministrationError) -> (BatchSummary, ConfirmationResult) {
        // Whoever may add organizations may act for their owners.
        try OwnerRule.check(.addOrganization, on: nil, owner: nil, by: caller)
        let mint = KeyMint(prefix: configuration.prefix, pepper: peppers.current)
        var summary = BatchSummary()
        var changes: [RecordChange] = []
        try forEachBatch(lines, &summary, onProgress) { lines throws(AdministrationError) in
            let keys = lines.map { KeptKey(mint.mint(for: $0.organization.locator)) }
            let steps = zip(lines, keys).map { line, key in
                step(line, key.verifier, isReplacing: isReplacing, spans)
            }
            let outcomes = try batch().change(steps)
            let new = zip(lines, zip(outcomes, keys)).compactMap { line, pair in
                if case .changed(let change) = pair.0 { (line, change, pair.1) } else { nil }
            }
            changes += new.map { $0.1 }
            try hand(over: new.map { ($0.0, $0.2) }, deliver)
            return outcomes
        }
        let confirmation = confirmer.confirmation(of: changes, by: clock.monotonic, policy)
        return (summary, confirmation)
    }

    private func step(
        _ line: OrganizationLine,
        _ verifier: Verifier,
        isReplacing: Bool,
        _ spans: KeySpans
    ) -> RecordBatch.Step {
        let owner = acting(as: line.principal)
        return .init(organization: line.organization, audit: owner.audit(.generate)) {
            existing throws(AdministrationError) in
            try owner.check(existing, line.organization, .generate)
            guard let existing, existing.key == nil || isReplacing else { return nil }
            let now = clock.unix
            let key = KeyRecord.Key(
                verifier: verifier,
                createdAt: now,
                createdBy: line.principal,
                expiresAt: spans.expiresInMilliseconds.map { now.advanced(byMilliseconds: $0) }
            )
            return existing.replacingKey(with: key, graceMilliseconds: spans.graceMilliseconds)
        }
    }

    private func hand(
        over keys: [(line: OrganizationLine, key: KeptKey)],
        _ deliver: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        guard !keys.isEmpty else { return }
        let capacity = keys.reduce(0) { $0 + $1.line.organization.length + $1.key.text.count + 2 }
        let text = SecretBytes(capacity: capacity) { storage in
            var count = 0
            func append(_ byte: UInt8) {
                storage[count] = byte
                count += 1
            }
            for (line, key) in keys {
                for byte in line.organization.name.utf8 { append(byte) }
                append(UInt8(ascii: "\t"))
                key.text.withSpan { text in for index in 0..<text.count { append(text[index]) } }
                append(UInt8(ascii: "\n"))
            }
            return count
        }
        do throws(AdministrationError) {
            try text.withSpan(deliver)
        } catch {
            let names = keys.map(\.line.organization.name)
            throw AdministrationError(
                .output,
                "\(Counted(names.count, "organization").have) new keys that could not be handed over: "
                    + "\(error.message). Generate new ones with --replace, from \(names[0]) "
                    + "to \(names[names.count - 1])"
            )
        }
    }
}

/// A new key, until it is handed over.
private final class KeptKey {
    let text: SecretBytes
    let verifier: Verifier

    init(_ minted: consuming KeyMint.MintedKey) {
        verifier = minted.verifier
        text = minted.takeText()
    }
}
