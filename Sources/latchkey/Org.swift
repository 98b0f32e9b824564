import Administration
import ArgumentParser
import Keyring

struct Org: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manage organizations (operators only).",
        subcommands: [OrgAdd.self]
    )
}

struct OrgAdd: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Add an organization, without a key.",
        discussion: """
            Example:
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
