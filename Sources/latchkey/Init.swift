import Administration
import ArgumentParser
import Keyring

struct Init: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the pepper and the configuration file.",
        discussion: """
            Overwrites nothing.

            With --rotate-pepper, puts a new pepper before those that there are. New
            keys are made with it; keys made before go on while theirs is in the file.
            Gateways know it after a reload of nginx: reload all before the next change.

            Examples:
              latchkey init --store unix:/run/redis/redis.sock
              latchkey init --rotate-pepper && nginx -s reload
            """
    )

    @OptionGroup var configurationOption: ConfigurationOption

    @Option(
        help: ArgumentHelp(
            "Where the records are: redis://host:port/db or unix:/path.",
            valueName: "url"
        )
    )
    var store = "redis://127.0.0.1:6379"

    @Option(
        help: ArgumentHelp(
            "Where the pepper is to be (default: beside the configuration file).",
            valueName: "file"
        ),
        completion: .file()
    )
    var pepperFile: String?

    @Flag(help: "Put a new pepper before those that there are.")
    var rotatePepper = false

    func validate() throws {
        if rotatePepper, pepperFile != nil {
            throw ValidationError("--rotate-pepper goes by the configuration: no --pepper-file.")
        }
    }

    func perform() throws(AdministrationError) {
        guard !rotatePepper else {
            let configuration = try Configuration(file: configurationOption.file)
            for line in try PepperRotation(configuration).run() { Terminal.say(line) }
            return
        }
        let setup = Setup(
            configurationFile: configurationOption.file,
            pepperFile: pepperFile,
            store: store,
            account: Caller.currentAccount()
        )
        for line in try setup.run() { Terminal.say(line) }
    }
}
