import Administration
import ArgumentParser

struct Init: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the pepper and the configuration file.",
        discussion: """
            Overwrites nothing.

            Example:
              latchkey init --store unix:/run/redis/redis.sock
            """
    )

    @OptionGroup var configurationOption: ConfigurationOption

    @Option(help: "Where the records are: redis://host:port/db or unix:/path.")
    var store = "redis://127.0.0.1:6379"

    @Option(help: "Where the pepper is to be (default: beside the configuration file).")
    var pepperFile: String?

    func perform() throws(AdministrationError) {
        let setup = Setup(
            configurationFile: configurationOption.file,
            pepperFile: pepperFile,
            store: store,
            account: Caller.currentAccount()
        )
        for line in try setup.run() { Terminal.say(line) }
    }
}
