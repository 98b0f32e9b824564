import Administration
import ArgumentParser
import Keyring

struct OrgRemove: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an organization, and permanently revoke its key.",
        discussion: """
            Waits for the nginx workers as "latchkey revoke" does. The audit stays, and so
            does the version of the record, so that no earlier key can come back.

            Examples:
              latchkey org remove acme
              latchkey org remove acme --yes
            """
    )

    @Argument(help: "The organization.")
    var name: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var confirmationOptions: ConfirmationOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        Interruption.reportNothingDone()
        let organizations = try options.context().organizations
        let exists = try organizations.checkRemovable(name)
        try Terminal.confirm(
            "This removes \(name), and permanently deletes its key, if it has one.",
            yes: yes || !exists
        )
        try Interruption.deferred { () throws(AdministrationError) in
            let confirmation = try confirmationOptions.run { policy throws(AdministrationError) in
                try organizations.remove(name, policy: policy)
            }
            try EndingReport.report(confirmation, of: ending(exists))
        }
        return .success
    }

    /// - Parameter isFirst: Whether the organization existed; otherwise its removal is confirmed again.
    private func ending(_ isFirst: Bool) -> EndingReport.Ending {
        .init(
            done: isFirst ? "Removed" : "\(name) had already been removed",
            holds: "No gateway accepts a key of \(name)",
            change: "\(name) was removed",
            key: "its key",
            remedy: "remove it again"
        )
    }
}
