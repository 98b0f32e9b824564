import Administration
import ArgumentParser
import Keyring

struct Gateways: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the nginx workers that a change waits for.",
        discussion: """
            A gateway is an nginx with Latchkey; each line is one of its workers. A worker
            that was killed stays listed until a change has waited for its lease.

            Example:
              latchkey gateways --json
            """
    )

    @Flag(help: "For programs: an array of JSON objects, times as RFC 3339.")
    var json = false

    @OptionGroup var configurationOption: ConfigurationOption

    func perform() throws(AdministrationError) -> ExitCode {
        let membership = try Membership(of: try Configuration(file: configurationOption.file))
        for name in membership.unreadable {
            Terminal.say("latchkey: member \(name) of latchkey:{gateways} cannot be read")
        }
        try Terminal.write(json ? WorkerTable.json(membership) : WorkerTable.text(membership))
        return .success
    }
}
