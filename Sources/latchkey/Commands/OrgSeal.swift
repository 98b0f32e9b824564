import Administration
import ArgumentParser

struct OrgSeal: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "seal",
        abstract: "Seal all records with the first pepper.",
        discussion: """
            Run this after the pepper was rotated and every gateway was reloaded: a record
            keeps the seal of the pepper with which it was written until it changes. Keys,
            owners and all else stay. Afterwards "latchkey doctor" says whether keys
            still need an old pepper.

            Examples:
              latchkey org seal
              latchkey org seal --yes
            """
    )

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let organizations = try options.context().organizations
        try Terminal.confirm(
            "A gateway that has not been reloaded since the pepper was rotated admits no request of an "
                + "organization whose record is resealed.",
            yes: yes
        )
        let (count, faults) = try organizations.sealRecords()
        Terminal.say(faults.map { "latchkey: \($0)" })
        Terminal.say("\(Counted(count, "record").were) resealed.")
        guard faults.isEmpty else {
            throw AdministrationError(
                .data,
                "not all records can be trusted: see \"latchkey doctor\""
            )
        }
        return .success
    }
}
