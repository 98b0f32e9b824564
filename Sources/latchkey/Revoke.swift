import Administration
import ArgumentParser
import Keyring

struct Revoke: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Delete the key for good.",
        discussion: """
            Requests with it are refused from then on. There is no undo.

            Waits until every gateway has confirmed, which takes milliseconds; for a
            silent one, until its lease has ended. Where one may accept the key for
            longer than 30 seconds, that is told, and the exit code is 75.

            Examples:
              latchkey revoke acme
              latchkey revoke acme --yes --no-wait
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var waiting: WaitingOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let status = try administration.status(of: organization, for: .revoke)
        if status.record.key != nil {
            let lastUse = TimeText.lastUse(status.lastUse)
            try Terminal.confirm(
                "This deletes the key of \(organization) for good, last used: \(lastUse).",
                yes: yes
            )
        }
        try Interruption.heldBack { () throws(AdministrationError) in
            try revoke(administration, status)
        }
    }

    private func revoke(_ administration: KeyAdministration, _ status: KeyStatus)
        throws(AdministrationError)
    {
        let confirmation = try waiting.run { waiting throws(AdministrationError) in
            try administration.revoke(organization, asIn: yes ? nil : status, waiting: waiting)
        }
        try tell(confirmation, hadKey: status.record.key != nil)
    }

    private func tell(_ confirmation: ChangeConfirmation?, hadKey: Bool)
        throws(AdministrationError)
    {
        switch confirmation {
        case nil: Terminal.say("\(organization) has no key.")
        case .confirmed(_, let answer) where !hadKey:
            Terminal.say(ConfirmationText.notes(answer))
            Terminal.say("\(organization) has no key.")
        case .notAwaited where !hadKey: Terminal.say("\(organization) has no key.")
        case .confirmed(let since, let answer):
            Terminal.say(ConfirmationText.notes(answer))
            Terminal.say(
                "Revoked. No gateway accepts the key since \(TimeText.timeOfDay(since)) UTC."
            )
        case .notAwaited:
            Terminal.say("Revoked. Gateways are told at once; not waited for their confirmation.")
        case .unconfirmed(let doubt):
            throw ConfirmationText.doubt(
                doubt,
                change: "the key of \(organization) was revoked",
                key: "it",
                remedy: "revoke it anew"
            )
        }
    }
}
