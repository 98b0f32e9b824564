import Administration
import ArgumentParser
import Keyring

struct OrgAdd: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add an organization, without a key.",
        discussion: """
            Examples:
              latchkey org add acme --owner alice
            """
    )

    @Argument(help: "Its name: 1 to 64 of A-Z a-z 0-9 . _ -")
    var name: Organization

    @Option(help: "The only principal who may see and manage its key.")
    var owner: Principal

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let isNew = try options.administration().addOrganization(name, owner: owner)
        Terminal.say(
            isNew
                ? "Added \(name), owned by \(owner)."
                : "\(name) is there already, owned by \(owner)."
        )
    }
}
