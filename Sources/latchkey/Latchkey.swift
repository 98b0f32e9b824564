import Administration
import ArgumentParser
import Glibc
import Keyring

@main
struct Latchkey: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latchkey",
        abstract: "Manage the API keys that nginx checks.",
        discussion: """
            An organization has at most one key, and only its owner sees or manages it.
            Operators act for an owner with --as, and the audit records it.

            To get started, as root:
              latchkey init
              latchkey org add acme --owner alice
              latchkey generate acme --as alice
            """,
        version: Release.version,
        subcommands: [
            Init.self, Org.self, Generate.self, Revoke.self, Status.self, Audit.self, Verify.self,
            Gateways.self, DoctorCommand.self, Export.self, Import.self,
            Scan.self, Migrate.self,
        ]
    )

    static func main() {
        Process.harden()
        do {
            try check(Array(CommandLine.arguments.dropFirst()))
            var command = try parseAsRoot()
            try command.run()
        } catch {
            end(error)
        }
    }

    /// Checks that come before parsing: they concern every command.
    private static func check(_ arguments: [String]) throws {
        do throws(AdministrationError) {
            try Process.refuseBorrowedPrivileges()
            try CommandLineCheck.checkForKeys(arguments)
            try CommandLineCheck.checkCommand(arguments, of: Latchkey.self)
        } catch {
            throw error.reported()
        }
    }

    /// Ends as ArgumentParser does, but without repeating a key that was typed as an argument.
    private static func end(_ error: any Error) -> Never {
        let code = exitCode(for: error)
        let message = fullMessage(for: error)
        if code == .success {
            print(message)
        } else if !message.isEmpty {
            Terminal.say(message)
        }
        Glibc.exit(code.rawValue)
    }
}

/// A command whose errors are one line on standard error and an exit code.
protocol LatchkeyCommand: ParsableCommand {
    /// Does the work. Returns what the process exits with.
    ///
    /// - Throws: An error for the user; its kind is the exit code.
    func perform() throws(AdministrationError) -> ExitCode
}

extension LatchkeyCommand {
    func run() throws {
        let code: ExitCode
        do throws(AdministrationError) {
            code = try perform()
        } catch {
            code = error.reported()
        }
        if code != .success { throw code }
    }
}

extension AdministrationError {
    /// Writes the message to standard error. Returns what the process exits with.
    func reported() -> ExitCode {
        Terminal.say("latchkey: \(message)")
        return ExitCode(kind.rawValue)
    }
}
