import Administration
import ArgumentParser
import Keyring

struct OrgRemove: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove an organization, and end its key for good.",
        discussion: """
            Waits for the gateways as "latchkey revoke" does. The audit stays, and so
            does the version of the record, so that no key of it can come back.

            Examples:
              latchkey org remove acme
              latchkey org remove acme --yes
            """
    )

    @Argument(help: "The organization.")
    var name: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var waiting: WaitingOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        Interruption.changesNothing()
        let administration = try options.administration()
        try administration.checkRemovable(name)
        try Terminal.confirm(
            "This removes \(name), and ends its key for good, if it has one.",
            yes: yes
        )
        try Interruption.heldBack { () throws(AdministrationError) in
            let confirmation = try waiting.run { waiting throws(AdministrationError) in
                try administration.removeOrganization(name, waiting: waiting)
            }
            try tell(confirmation)
        }
    }

    private func tell(_ confirmation: ChangeConfirmation) throws(AdministrationError) {
        switch confirmation {
        case .confirmed(let since, let answer):
            Terminal.say(ConfirmationText.notes(answer))
            Terminal.say(
                "Removed. No gateway accepts a key of \(name) since \(TimeText.timeOfDay(since)) UTC."
            )
        case .notAwaited:
            Terminal.say("Removed. Gateways are told at once; not waited for their confirmation.")
        case .unconfirmed(let doubt):
            throw ConfirmationText.doubt(
                doubt,
                change: "\(name) was removed",
                key: "its key",
                remedy: "remove it anew"
            )
        }
    }
}
