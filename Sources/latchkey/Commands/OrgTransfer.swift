import Administration
import ArgumentParser
import Keyring

struct OrgTransfer: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer",
        abstract: "Give an organization to another owner.",
        discussion: """
            Its key stays valid, and the previous owner still has it: the new owner should
            generate another.

            Examples:
              latchkey org transfer acme --owner bob
            """
    )

    @Argument(help: "The organization.")
    var name: Organization

    @Option(help: ArgumentHelp("Its new owner.", valueName: "who"))
    var owner: Principal

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        guard try options.context().organizations.transfer(name, to: owner) else {
            Terminal.say("\(name) is already owned by \(owner).")
            return .success
        }
        Terminal.say([
            "\(name) is now owned by \(owner).",
            "Its key, if it has one, stays valid; to replace it, \(owner) runs "
                + "\"latchkey generate \(name)\".",
        ])
        return .success
    }
}
