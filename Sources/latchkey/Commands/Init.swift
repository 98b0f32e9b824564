import Administration
import ArgumentParser
import Keyring

struct Init: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Create the pepper and the configuration file.",
        discussion: """
            Overwrites nothing.

            With --rotate-pepper, puts a new pepper before the existing ones. New keys are
            made with it; existing keys stay valid while theirs is in the file. A gateway
            reads it when nginx is reloaded: reload all gateways before the next change.

            Examples:
              latchkey init --store unix:/run/redis/redis.sock
              latchkey init --rotate-pepper && nginx -s reload
            """
    )

    @OptionGroup var configurationOption: ConfigurationOption

    @Option(
        help: ArgumentHelp(
            """
            The store: redis://host:port/db, rediss://… with TLS, unix:/path, \
            sentinel://host,host,host/name, or cluster://host,host,host.
            """,
            valueName: "url"
        )
    )
    var store = "redis://127.0.0.1:6379"

    @Option(
        help: ArgumentHelp(
            """
            The pepper file to create (default: beside the configuration file), or to \
            rotate (default: as configured).
            """,
            valueName: "file"
        ),
        completion: .file()
    )
    var pepperFile: String?

    @Flag(help: "Put a new pepper before the existing ones.")
    var rotatePepper = false

    func perform() throws(AdministrationError) -> ExitCode {
        if rotatePepper {
            try rotate()
        } else {
            let setup = Setup(
                configurationFile: configurationOption.file,
                pepperFile: pepperFile,
                store: store,
                account: Caller.currentAccount()
            )
            Terminal.say(try setup.run())
        }
        return .success
    }

    private func rotate() throws(AdministrationError) {
        let path: String
        if let pepperFile {
            path = pepperFile
        } else {
            path = try Configuration(file: configurationOption.file).pepperFile
        }
        Terminal.say(try PepperRotation(path).run())
    }
}
