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

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let status = try administration.status(of: organization, for: .generate)
        if status.record.key != nil { try Terminal.confirm(warning(status), yes: yes) }
        if let output {
            var file = try NewFile(output, mode: 0o600)
            let key = try generate(administration, replacing: status)
            try deliver(key) { line throws(AdministrationError) in try file.keep(line) }
        } else {
            guard Output.isOpen(STDOUT_FILENO) else {
                throw AdministrationError(.output, "nobody reads standard output; nothing was done")
            }
            try deliver(try generate(administration, replacing: status)) {
                line throws(AdministrationError) in
                guard Output.write(line, to: STDOUT_FILENO) else {
                    throw AdministrationError(.output, String(cString: strerror(errno)))
                }
            }
            if isatty(STDOUT_FILENO) != 0 {
                Terminal.say(
                    "This key is shown once. Put it into a secrets manager, and nowhere else."
                )
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
    ) throws(AdministrationError) -> SecretBytes {
        try administration.generate(
            for: organization,
            replacing: yes ? nil : status,
            expiresInMilliseconds: expiresIn?.milliseconds,
            graceMilliseconds: grace?.milliseconds ?? 0
        )
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
