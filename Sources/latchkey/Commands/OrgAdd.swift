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
              latchkey org list | ssh elsewhere latchkey org add --from -
            """
    )

    @Argument(help: "Its name: 1 to 64 of A-Z a-z 0-9 . _ -")
    var name: Organization?

    @Option(
        help: ArgumentHelp("The only principal who may see and manage its key.", valueName: "who")
    )
    var owner: Principal?

    @OptionGroup var bulk: BulkOption

    @OptionGroup var options: CallerOptions

    func validate() throws {
        let isOne = name != nil && owner != nil
        let isNone = name == nil && owner == nil
        guard bulk.path == nil ? isOne : isNone else {
            throw ValidationError("Name an organization and its --owner, or a file with --from.")
        }
    }

    func perform() throws(AdministrationError) -> ExitCode {
        if let lines = try bulk.lines() {
            try add(lines)
        } else if let name, let owner {
            let isNew = try options.context().organizations.add(name, owner: owner)
            Terminal.say(
                isNew
                    ? "Added \(name), owned by \(owner)."
                    : "\(name) already exists, owned by \(owner)."
            )
        }
        return .success
    }

    private func add(_ lines: [OrganizationLine]) throws(AdministrationError) {
        let context = try options.context()
        try Interruption.deferred { () throws(AdministrationError) in
            let summary = try bulk.run("Added") { onProgress throws(AdministrationError) in
                try context.bulk.addOrganizations(lines, onProgress: onProgress)
            }
            Terminal.say(
                "Added \(summary.changed); \(summary.unchanged) already existed."
            )
            if let failure = bulk.report(summary) { throw failure }
        }
    }
}
