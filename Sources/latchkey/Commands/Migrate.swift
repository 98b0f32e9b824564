import Administration
import ArgumentParser

struct Migrate: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Convert what releases before 0.3 have stored (operators only).",
        discussion: """
            Keys stay valid, and last uses are kept: only the form of the audit and the
            list of nginx workers has changed. Run it once every gateway and every
            executable has been upgraded. It may be repeated, and does nothing then.

            The exit code is 75 while nginx workers of an earlier release are running:
            changes of keys do not wait for them.

            Example:
              latchkey migrate
            """
    )

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let summary = try options.context().migration.migrate()
        Terminal.say(
            "The audit of \(summary.converted) of \(Counted(summary.organizations, "organization")) was converted."
        )
        guard summary.formerWorkers == 0 else {
            throw AdministrationError(
                .unconfirmed,
                "\(Counted(summary.formerWorkers, "nginx worker")) of an earlier release may still check keys, and "
                    + "no change of a key waits for them: upgrade their nginx, and run this again a minute later"
            )
        }
        return .success
    }
}
