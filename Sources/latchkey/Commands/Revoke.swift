import Administration
import ArgumentParser
import Keyring

struct Revoke: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Permanently delete the key.",
        discussion: """
            Requests with it are refused from then on. There is no undo. If there is no
            key, the command says so, and the exit code is 0.

            Waits until every nginx worker has acknowledged, which takes milliseconds; for
            a silent one, until its lease has ended. If a worker may still accept the key
            after 30 seconds, the command says so, and the exit code is 75.

            Works without the pepper, too, if that is lost.

            Examples:
              latchkey revoke acme
              latchkey revoke acme --yes --no-wait
            """
    )

    @Argument(help: "The organization.")
    var organization: Organization

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var confirmationOptions: ConfirmationOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        Interruption.reportNothingDone()
        let configuration = try Configuration(file: options.configurationOption.file)
        let caller = try options.caller(configuration)
        if let revocation = try UnprovenRevocation(configuration, caller: caller) {
            try revoke(revocation)
        } else {
            let context = try AdministrationContext(configuration, caller: caller)
            if let revocation = try UnprovenRevocation(of: organization, context) {
                try revoke(revocation)
            } else {
                try revoke(context)
            }
        }
        return .success
    }

    private func revoke(_ context: AdministrationContext) throws(AdministrationError) {
        let keys = context.keys
        let status = try keys.status(
            of: organization,
            for: .revoke,
            collectsUses: !yes
        )
        if status.record.key != nil, !yes {
            let prompt = ImpactPrompt(status, workers: context.workers())
            try Terminal.confirm(prompt.revoking)
        }
        try run(hadKey: status.record.key != nil) { policy throws(AdministrationError) in
            try keys.revoke(organization, asIn: yes ? nil : status, policy: policy)
        }
    }

    private func revoke(_ revocation: UnprovenRevocation) throws(AdministrationError) {
        let lastUse = try revocation.lastUse(of: organization, collectsUses: !yes)
        Terminal.say("latchkey: \(revocation.reason). Revoking anyway, without proof.")
        if let lastUse {
            let text = TimeText.lastUse(lastUse)
            try Terminal.confirm(
                "This permanently deletes the key of \(organization). Last used: \(text).",
                yes: yes
            )
        }
        try run(hadKey: lastUse != nil) { policy throws(AdministrationError) in
            try revocation.revoke(organization, policy: policy)
        }
    }

    private func run(
        hadKey: Bool,
        _ revoke: (ConfirmationPolicy) throws(AdministrationError) -> ConfirmationResult?
    ) throws(AdministrationError) {
        try Interruption.deferred { () throws(AdministrationError) in
            try report(try confirmationOptions.run(revoke), hadKey: hadKey)
        }
    }

    private func report(_ confirmation: ConfirmationResult?, hadKey: Bool)
        throws(AdministrationError)
    {
        switch confirmation {
        case nil: Terminal.say("\(organization) has no key: nothing to revoke.")
        case .confirmed(_, let outcome) where !hadKey:
            Terminal.say(ConfirmationText.notes(outcome))
            Terminal.say("\(organization) has no key: nothing to revoke.")
        case .notAwaited where !hadKey:
            Terminal.say("\(organization) has no key: nothing to revoke.")
        case let confirmation?: try EndingReport.report(confirmation, of: ending)
        }
    }

    private var ending: EndingReport.Ending {
        .init(
            done: "Revoked",
            holds: "No gateway accepts the key",
            change: "the key of \(organization) was revoked",
            key: "it",
            remedy: "revoke it again"
        )
    }
}
