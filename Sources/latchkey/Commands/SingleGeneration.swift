import Administration
import Glibc
import KeyFormat
import Keyring

/// Runs `latchkey generate` for one organization.
struct SingleGeneration {
    let organization: Organization
    let command: Generate

    func generate() throws(AdministrationError) {
        Interruption.reportNothingDone()
        let context = try command.options.context()
        let status = try context.keys.status(
            of: organization,
            for: .generate,
            collectsUses: !command.yes
        )
        if status.record.key != nil, !command.yes {
            let prompt = ImpactPrompt(status, workers: context.workers())
            try Terminal.confirm(prompt.replacing(command.terms))
        }
        try Interruption.deferred { () throws(AdministrationError) in
            try replace(context.keys, status)
        }
    }

    private func replace(_ keys: KeyService, _ status: KeyStatus)
        throws(AdministrationError)
    {
        if let output = command.file {
            var file = try NewFile(output, mode: 0o600, isReplacing: command.force)
            try file.reserve(KeySearch.lengthMax)
            try deliver(try generate(keys, replacing: status), status) {
                key throws(AdministrationError) in
                try key.withSpan { key throws(AdministrationError) in try file.commit(key) }
                Terminal.say("The key is in \(output), readable only by you.")
            }
        } else {
            try Terminal.checkOutput()
            try deliver(try generate(keys, replacing: status), status) {
                key throws(AdministrationError) in try show(key)
            }
        }
    }

    private func generate(
        _ keys: KeyService,
        replacing status: KeyStatus
    ) throws(AdministrationError) -> GeneratedKey {
        try command.confirmationOptions.run { policy throws(AdministrationError) in
            try keys.generate(
                for: organization,
                replacing: command.yes ? nil : status,
                lifetime: command.terms.lifetime,
                policy: policy
            )
        }
    }

    /// Programs get only the key, without a newline: a secrets manager stores what it reads.
    private func show(_ key: borrowing SecretBytes) throws(AdministrationError) {
        guard isatty(STDOUT_FILENO) != 0 else { return try key.withSpan(Terminal.write(keys:)) }
        try key.withLine(Terminal.write(keys:))
        Terminal.say(
            "This key is shown only once. Store it in a secrets manager, and nowhere else."
        )
    }

    /// Hands the key over in any case, and only then reports what is uncertain.
    private func deliver(
        _ key: borrowing GeneratedKey,
        _ status: KeyStatus,
        _ write: (borrowing SecretBytes) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        try handOver(key.text, hadKey: status.record.key != nil, write)
        Terminal.say(Self.times(of: key.record))
        switch key.confirmation {
        case .confirmed(_, let outcome):
            Terminal.say(ConfirmationText.notes(outcome) + ConfirmationText.copies(outcome))
        case .notAwaited:
            Terminal.say(ConfirmationText.notAwaited)
        case .unconfirmed(let uncertainty):
            throw ConfirmationText.error(
                for: uncertainty,
                change: "\(organization) has a new key",
                key: "the previous key",
                remedy: "generate another"
            )
        }
    }

    /// When the new and the previous key expire, a line each.
    private static func times(of record: KeyRecord) -> [String] {
        [
            record.key?.expiresAt.map { "The key expires \(TimeText.moment($0))." },
            record.previous.map {
                "The previous key stays valid until \(TimeText.moment($0.until))."
            },
        ].compactMap(\.self)
    }

    /// The key is active already, so an error must say that it is lost.
    private func handOver(
        _ key: borrowing SecretBytes,
        hadKey: Bool,
        _ write: (borrowing SecretBytes) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        do throws(AdministrationError) {
            try write(key)
        } catch {
            let previous =
                command.terms.grace == nil || !hadKey
                ? "" : "; the previous key stays valid for its grace period, or until you do"
            throw AdministrationError(
                .output,
                "\(organization) has a new key, but it could not be handed over: \(error.message). "
                    + "Nobody has it: generate another\(previous)"
            )
        }
    }
}

extension SecretBytes {
    /// Lends the bytes with a newline after them.
    func withLine(
        _ body: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        let line = SecretBytes(capacity: count + 1) { line in
            withSpan { line.append(contentsOf: $0) }
            line.append(UInt8(ascii: "\n"))
        }
        try line.withSpan(body)
    }
}
