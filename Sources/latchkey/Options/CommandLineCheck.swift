import Administration
import ArgumentParser
import KeyFormat

/// Checks that concern the command line as a whole.
enum CommandLineCheck {
    /// The error for a key that was typed as an argument.
    static let misplacedKey = AdministrationError(
        .usage,
        "a key must not be an argument: other accounts can see arguments, and shells keep them. "
            + "\"latchkey verify\" reads a key from standard input: latchkey verify < FILE. If others "
            + "may have seen this one, generate another"
    )

    /// - Throws: An error if an argument contains a key of any prefix.
    static func checkForKeys(_ arguments: [String]) throws(AdministrationError) {
        for argument in arguments {
            var isKey = false
            Array(argument.utf8).withUnsafeBytes { text in
                KeySearch.forEach(in: text) { _ in isKey = true }
            }
            guard !isKey else { throw misplacedKey }
        }
    }

    /// - Throws: An error with a suggestion if there is no such command.
    static func checkCommand(_ arguments: [String], of command: any ParsableCommand.Type)
        throws(AdministrationError)
    {
        let commands = command.configuration.subcommands
        guard let word = arguments.first, !word.hasPrefix("-"), !commands.isEmpty else { return }
        if let found = commands.first(where: { name($0) == word }) {
            return try checkCommand(Array(arguments.dropFirst()), of: found)
        }
        guard word != "help" else { return }
        let meant =
            commands.first { $0.configuration.subcommands.map(name).contains(word) }
            .map { "\(name($0)) \(word)" }
            ?? Suggestion.nearest(to: word, among: commands.map(name) + ["help"])
        throw AdministrationError(
            .usage,
            "there is no command \(word)"
                + (meant.map { "; did you mean \($0)?" } ?? ": see \"\(whole(command)) --help\"")
        )
    }

    private static func whole(_ command: any ParsableCommand.Type) -> String {
        command == Latchkey.self ? "latchkey" : "latchkey \(name(command))"
    }

    private static func name(_ command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? "\(command)".lowercased()
    }
}
