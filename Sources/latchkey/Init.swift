import Administration
import ArgumentParser
import Keyring

struct Init: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the pepper and the configuration file.",
        discussion: """
            Overwrites nothing. With --rotate-pepper, puts a new secret first into the
            pepper file instead: new keys are made with it, those of the others go on.

            Examples:
              latchkey init --store unix:/run/redis/redis.sock
              latchkey init --rotate-pepper && nginx -s reload
            """
    )

    @OptionGroup var configurationOption: ConfigurationOption

    @Option(help: "Where the records are: redis://host:port/db or unix:/path.")
    var store = "redis://127.0.0.1:6379"

    @Option(
        help: "Where the pepper is to be (default: beside the configuration file).",
        completion: .file()
    )
    var pepperFile: String?

    @Flag(help: "Put a new secret before those in the pepper file.")
    var rotatePepper = false

    func perform() throws(AdministrationError) {
        guard !rotatePepper else { return try rotate() }
        let setup = Setup(
            configurationFile: configurationOption.file,
            pepperFile: pepperFile,
            store: store,
            account: Caller.currentAccount()
        )
        for line in try setup.run() { Terminal.say(line) }
    }

    private func rotate() throws(AdministrationError) {
        let path: String
        if let pepperFile {
            path = pepperFile
        } else {
            path = try Configuration(file: configurationOption.file).pepperFile
        }
        for line in try PepperRotation(path).run() { Terminal.say(line) }
    }
}
