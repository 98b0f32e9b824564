import Administration
import ArgumentParser
import Keyring

struct Status: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show whether there is a key, and when it was last used.",
        discussion: """
            Example:
              latchkey status acme --json
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Flag(help: "For programs: one JSON object, times as RFC 3339.")
    var json = false

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let status = try options.context().keys.status(of: organization)
        try Terminal.write(json ? StatusReport.json(status) : StatusReport.text(status))
        return .success
    }
}
