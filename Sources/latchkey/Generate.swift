import Administration
import ArgumentParser
import Glibc
import KeyFormat
import Keyring

struct Generate: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a new key, and invalidate the one before it.",
        discussion: """
            The key alone goes to standard output, once; it cannot be shown again.
            By then every gateway knows of it, or cannot accept the one before any
            more. Where that cannot be said within 30 seconds, the key is handed over
            all the same, and the exit code is 75.

            Examples:
              latchkey generate acme | vault kv put -mount=secret acme key=-
              latchkey generate acme --yes --output /run/secrets/acme
              latchkey generate acme --expires-in 90d --grace 10m
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @Option(help: "After how long the key expires, such as 90d.")
    var expiresIn: TimeSpanArgument?

    @Option(help: "For how long the key before goes on, such as 10m.")
    var grace: TimeSpanArgument?

    @Option(help: "Write the key to this new file, for you alone to read.")
    var output: String?

    @OptionGroup var waiting: WaitingOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let status = try administration.status(of: organization, for: .generate)
        if status.record.key != nil { try Terminal.confirm(warning(status), yes: yes) }
        try Interruption.heldBack { () throws(AdministrationError) in
            try replace(administration, status)
        }
    }

    private func replace(_ administration: KeyAdministration, _ status: KeyStatus)
        throws(AdministrationError)
    {
        if let output {
            var file = try NewFile(output, mode: 0o600)
            try hand(over: try generate(administration, replacing: status)) {
                line throws(AdministrationError) in try file.keep(line)
            }
        } else {
            guard Output.isOpen(STDOUT_FILENO) else {
                throw AdministrationError(.output, "nobody reads standard output; nothing was done")
            }
            try hand(over: try generate(administration, replacing: status)) {
                line throws(AdministrationError) in try write(line)
            }
        }
    }

    private func warning(_ status: KeyStatus) -> String {
        let when = grace == nil ? "This at once invalidates" : "This replaces"
        return "\(when) the key of \(organization), last used: \(TimeText.lastUse(status.lastUse))."
    }

    private func generate(
        _ administration: KeyAdministration,
        replacing status: KeyStatus
    ) throws(AdministrationError) -> GeneratedKey {
        try waiting.run { waiting throws(AdministrationError) in
            try administration.generate(
                for: organization,
                replacing: yes ? nil : status,
                expiresInMilliseconds: expiresIn?.milliseconds,
                graceMilliseconds: grace?.milliseconds ?? 0,
                waiting: waiting
            )
        }
    }

    private func write(_ line: Span<UInt8>) throws(AdministrationError) {
        guard Output.write(line, to: STDOUT_FILENO) else {
            throw AdministrationError(.output, String(cString: strerror(errno)))
        }
        guard isatty(STDOUT_FILENO) != 0 else { return }
        Terminal.say("This key is shown once. Put it into a secrets manager, and nowhere else.")
    }

    /// Hands the key over whatever is known of it, and only then tells what is not known.
    private func hand(
        over key: borrowing GeneratedKey,
        _ write: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        try deliver(key.text, write)
        switch key.confirmation {
        case .confirmed(_, let answer): Terminal.say(ConfirmationText.notes(answer))
        case .notAwaited:
            Terminal.say("Gateways are told at once; not waited for their confirmation.")
        case .unconfirmed(let doubt):
            throw ConfirmationText.doubt(
                doubt,
                change: "\(organization) has a new key",
                key: "the key before",
                remedy: "generate another one"
            )
        }
    }

    /// From here on the key is active: whatever fails now has to be told as such.
    private func deliver(
        _ key: borrowing SecretBytes,
        _ write: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        let line = SecretBytes(capacity: key.count + 1) { storage in
            key.withSpan { key in for index in 0..<key.count { storage[index] = key[index] } }
            storage[key.count] = UInt8(ascii: "\n")
            return storage.count
        }
        do throws(AdministrationError) {
            try line.withSpan { line throws(AdministrationError) in try write(line) }
        } catch {
            throw AdministrationError(
                .output,
                "\(organization) has a new key, but it could not be handed over: \(error.message). "
                    + "Nobody has it: generate another one"
            )
        }
    }
}
