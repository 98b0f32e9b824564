import Administration
import ArgumentParser
import Keyring

struct Gateways: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the nginx workers that a change waits for.",
        discussion: """
            A gateway is nginx with Latchkey; each line is one of its workers. One that was
            killed stays until a change has waited for its lease.

            Example:
              latchkey gateways --json
            """
    )

    @Flag(help: "For programs: an array of JSON objects, times as RFC 3339.")
    var json = false

    @OptionGroup var configurationOption: ConfigurationOption

    func perform() throws(AdministrationError) {
        let fleet = try Membership(of: try Configuration(file: configurationOption.file))
        for name in fleet.unreadable {
            Terminal.say("latchkey: the entry \(name) of latchkey:gateways cannot be read")
        }
        try Terminal.write(json ? WorkerTable.json(fleet) : WorkerTable.text(fleet))
    }
}
