import Administration
import ArgumentParser
import Keyring

struct Audit: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show who did what to an organization and its key.",
        discussion: """
            For its owner. Refused commands are listed too. VIA is the account that ran
            the command, which may not be the principal that it acted as.

            Examples:
              latchkey audit acme
              latchkey audit acme --since 7d --json
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Option(
        help: ArgumentHelp("How far back to go, such as 7d.", valueName: "time"),
        transform: TimeSpanArgument.init(text:)
    )
    var since: TimeSpanArgument?

    @Flag(help: "For programs: an array of JSON objects, times as RFC 3339.")
    var json = false

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let now = SystemClock.unixTime().milliseconds
        let span = since.map { Int64(clamping: $0.milliseconds) } ?? now
        let lines = try options.context().organizations.audit(
            of: organization,
            since: UnixTime(milliseconds: max(0, now - span))
        )
        try Terminal.write(json ? AuditReport.json(lines) : AuditReport.text(lines))
        return .success
    }
}
