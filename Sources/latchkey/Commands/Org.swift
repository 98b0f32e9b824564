import ArgumentParser

struct Org: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Manage organizations (operators only).",
        discussion: """
            Operators are root and the accounts in latchkey_operators.

            Examples:
              latchkey org add acme --owner alice
              latchkey org list
            """,
        subcommands: [OrgAdd.self, OrgList.self, OrgTransfer.self, OrgRemove.self, OrgSeal.self]
    )
}
