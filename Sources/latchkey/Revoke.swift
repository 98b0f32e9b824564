import Administration
import ArgumentParser
import Keyring

struct Revoke: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete the key for good.",
        discussion: """
            Requests with it are refused from then on. There is no undo.

            Example:
              latchkey revoke acme
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let status = try administration.status(of: organization, for: .revoke)
        guard status.record.key != nil else { return Terminal.say("\(organization) has no key.") }
        let lastUse = TimeText.lastUse(status.lastUse)
        try Terminal.confirm(
            "This deletes the key of \(organization) for good, last used: \(lastUse).",
            yes: yes
        )
        guard let since = try administration.revoke(organization, asIn: yes ? nil : status) else {
            return Terminal.say("\(organization) has no key any more.")
        }
        Terminal.say("Revoked. No gateway accepts the key since \(TimeText.timeOfDay(since)) UTC.")
    }
}
