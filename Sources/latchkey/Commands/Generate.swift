import Administration
import ArgumentParser
import Keyring

struct Generate: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a new key, and invalidate the previous one.",
        discussion: """
            Only the key goes to standard output, once; it cannot be shown again. On a
            terminal a newline follows it, elsewhere nothing does.
            By then no nginx worker accepts the previous key. If that cannot be confirmed
            within 30 seconds, the key is handed over all the same, and the exit code
            is 75.

            Examples:
              latchkey generate acme --yes --output /run/secrets/acme
              latchkey generate acme --expires-in 90d --grace 10m
              latchkey generate acme --grace 1h | vault kv put -mount=secret acme key=-

            If the reader of a pipe fails, the new key is lost. With --grace the previous
            key stays valid meanwhile; with --output the key is in a file until the
            reader has it.

            For many at once (operators only): with --from, each line of a file names an
            organization and its owner, in whose name the key is made. Lines of an
            organization, a tab and a key go to standard output as they are stored.
            Organizations that have a key are left alone, so that an interrupted run can
            be started again; --replace makes new keys for them, too.

              umask 077; latchkey generate --from owners.txt > keys.tsv
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization?

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var terms: KeyTerms

    @Option(
        help: ArgumentHelp(
            "Write the key to this new file, readable only by you (- for standard output).",
            valueName: "file"
        ),
        completion: .file()
    )
    var output: String?

    @Flag(help: "Replace that file if it exists.")
    var force = false

    @OptionGroup var bulk: BulkOption

    @Flag(help: "With --from: also replace existing keys.")
    var replace = false

    @OptionGroup var confirmationOptions: ConfirmationOptions

    @OptionGroup var options: CallerOptions

    func validate() throws {
        if force, output == nil { throw ValidationError("--force requires --output FILE") }
        if replace, bulk.path == nil { throw ValidationError("--replace requires --from FILE") }
        guard (organization == nil) != (bulk.path == nil) else {
            throw ValidationError("Name an organization, or a file with --from.")
        }
        if bulk.path != nil, output != nil || options.principal != nil {
            throw ValidationError(
                "With --from, the file says who acts, and keys go to standard output: "
                    + "no --as, no --output."
            )
        }
    }

    /// The file that receives the key; `nil` for standard output.
    var file: String? { output == "-" ? nil : output }

    func perform() throws(AdministrationError) -> ExitCode {
        if let lines = try bulk.lines() {
            try BulkGenerate(lines: lines, command: self).generate()
        } else if let organization {
            try SingleGeneration(organization: organization, command: self).generate()
        }
        return .success
    }
}

/// How long the new key lives, and how long the previous one stays valid.
struct KeyTerms: ParsableArguments {
    @Option(
        help: ArgumentHelp("After how long the key expires, such as 90d.", valueName: "time"),
        transform: TimeSpanArgument.init(text:)
    )
    var expiresIn: TimeSpanArgument?

    @Option(
        help: ArgumentHelp(
            "For how long the previous key stays valid, such as 10m.",
            valueName: "time"
        ),
        transform: TimeSpanArgument.init(text:)
    )
    var grace: TimeSpanArgument?

    /// When a key that is made now expires.
    func expiry(_ now: UnixTime) -> UnixTime? {
        expiresIn.map { now.advanced(byMilliseconds: $0.milliseconds) }
    }

    /// Until when the previous key stays valid if a key is made now.
    func graceEnd(_ now: UnixTime) -> UnixTime? {
        grace.map { now.advanced(byMilliseconds: $0.milliseconds) }
    }

    var lifetime: KeyLifetime {
        KeyLifetime(
            expiresInMilliseconds: expiresIn?.milliseconds,
            graceMilliseconds: grace?.milliseconds ?? 0
        )
    }
}
