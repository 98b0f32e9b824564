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

    @OptionGroup var terms: KeyTerms

    @Option(help: "Write the key to this new file, for you alone to read.", completion: .file())
    var output: String?

    @Flag(help: "Let that file take the place of one that is there.")
    var force = false

    @OptionGroup var waiting: WaitingOptions

    @OptionGroup var options: CallerOptions

    func validate() throws {
        if force, output == nil { throw ValidationError("--force goes with --output FILE") }
    }

    func perform() throws(AdministrationError) {
        Interruption.changesNothing()
        let administration = try options.administration()
        let status = try administration.status(of: organization, for: .generate)
        if status.record.key != nil, !yes {
            let warning = Warning(status, gateways: administration.gatewayCount())
            try Terminal.confirm(
                warning.replacing(graceMilliseconds: terms.grace?.milliseconds),
                yes: false
            )
        }
        try Interruption.heldBack { () throws(AdministrationError) in
            try replace(administration, status)
        }
    }

    private func replace(_ administration: KeyAdministration, _ status: KeyStatus)
        throws(AdministrationError)
    {
        if let output {
            var file = try NewFile(output, mode: 0o600, isReplacing: force)
            try file.reserve(KeyMint.lengthMax + 1)
            try hand(over: try generate(administration, replacing: status), status) {
                line throws(AdministrationError) in try file.keep(line)
            }
        } else {
            guard Output.isOpen(STDOUT_FILENO) else {
                throw AdministrationError(.output, "nobody reads standard output; nothing was done")
            }
            try hand(over: try generate(administration, replacing: status), status) {
                line throws(AdministrationError) in try write(line)
            }
        }
    }

    private func generate(
        _ administration: KeyAdministration,
        replacing status: KeyStatus
    ) throws(AdministrationError) -> GeneratedKey {
        try waiting.run { waiting throws(AdministrationError) in
            try administration.generate(
                for: organization,
                replacing: yes ? nil : status,
                expiresInMilliseconds: terms.expiresIn?.milliseconds,
                graceMilliseconds: terms.grace?.milliseconds ?? 0,
                waiting: waiting
            )
        }
    }

    private func write(_ line: Span<UInt8>) throws(AdministrationError) {
        guard Output.write(line, to: STDOUT_FILENO) else {
            throw AdministrationError(.output, String(cString: strerror(errno)))
        }
        guard Style.isTerminal(STDOUT_FILENO) else { return }
        Terminal.say("This key is shown once. Put it into a secrets manager, and nowhere else.")
    }

    /// Hands the key over whatever is known of it, and only then tells what is not known.
    private func hand(
        over key: borrowing GeneratedKey,
        _ status: KeyStatus,
        _ write: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        try deliver(key.text, hadKey: status.record.key != nil, write)
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
        hadKey: Bool,
        _ write: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        do throws(AdministrationError) {
            try key.withLine { line throws(AdministrationError) in try write(line) }
        } catch {
            let before =
                terms.grace == nil || !hadKey
                ? "" : "; the key before goes on for its grace, or until you do"
            throw AdministrationError(
                .output,
                "\(organization) has a new key, but it could not be handed over: \(error.message). "
                    + "Nobody has it: generate another one\(before)"
            )
        }
    }
}

/// For how long keys count.
struct KeyTerms: ParsableArguments {
    @Option(help: "After how long the key expires, such as 90d.")
    var expiresIn: TimeSpanArgument?

    @Option(help: "For how long the key before goes on, such as 10m.")
    var grace: TimeSpanArgument?
}

extension SecretBytes {
    /// Lends the bytes with the end of a line behind them.
    func withLine(
        _ body: (Span<UInt8>) throws(AdministrationError) -> Void
    ) throws(AdministrationError) {
        let line = SecretBytes(capacity: count + 1) { storage in
            withSpan { text in for index in 0..<count { storage[index] = text[index] } }
            storage[count] = UInt8(ascii: "\n")
            return storage.count
        }
        try line.withSpan(body)
    }
}
