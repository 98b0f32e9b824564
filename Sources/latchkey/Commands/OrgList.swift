import Administration
import ArgumentParser
import Keyring

struct OrgList: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the organizations and their owners.",
        discussion: """
            Only its owner sees whether an organization has a key. Except on a terminal, each
            line is a name, a tab and the owner, as "latchkey org add --from" reads them.

            Examples:
              latchkey org list
              latchkey org list --json
            """
    )

    @Flag(help: "For programs: an array of JSON objects.")
    var json = false

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let (entries, faults) = try options.context().organizations.list()
        Terminal.say(faults.map { "latchkey: \($0)" })
        try Terminal.write(json ? Self.json(entries) : Self.text(entries))
        return .success
    }

    private static func text(_ entries: [OrganizationEntry]) -> String {
        let rows = entries.map { [$0.organization.name, $0.owner.name] }
        if entries.isEmpty, ANSIStyle.isTerminal(1) { return "There are no organizations.\n" }
        return Table.text(header: ["ORGANIZATION", "OWNER"], rows: rows)
    }

    private static func json(_ entries: [OrganizationEntry]) -> String {
        JSONText.array(
            entries.map { entry in
                JSONText.object([
                    ("organization", JSONText.string(entry.organization.name)),
                    ("owner", JSONText.string(entry.owner.name)),
                ])
            }
        ) + "\n"
    }
}
