import Administration
import ArgumentParser
import Keyring

struct OrgTransfer: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Give an organization to another owner.",
        discussion: """
            Its key goes on, and the owner before still has it: the new one should
            generate another.

            Examples:
              latchkey org transfer acme --owner bob
            """
    )

    @Argument(help: "The organization.")
    var name: Organization

    @Option(help: ArgumentHelp("Who owns it from now on.", valueName: "who"))
    var owner: Principal

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        guard try options.administration().transferOrganization(name, to: owner) else {
            return Terminal.say("\(name) is owned by \(owner) already.")
        }
        Terminal.say([
            "\(name) is owned by \(owner) now.",
            "Its key, if it has one, goes on; to end it, \(owner) runs \"latchkey generate \(name)\".",
        ])
    }
}
