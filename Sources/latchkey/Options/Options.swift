import Administration
import ArgumentParser
import CLinux
import Glibc
import Keyring

/// The configuration file.
struct ConfigurationOption: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: ArgumentHelp(
            "The configuration file (default: $LATCHKEY_CONFIG, then /etc/latchkey/latchkey.conf).",
            valueName: "file"
        ),
        completion: .file()
    )
    var path: String?

    var file: String {
        path ?? secure_getenv("LATCHKEY_CONFIG").map { String(cString: $0) }
            ?? Configuration.standardPath
    }

    /// The account that runs the command.
    ///
    /// - Parameter principal: Whom it acts as; `nil` for itself.
    /// - Throws: An error if the file may not name operators.
    func caller(_ configuration: Configuration, as principal: Principal? = nil)
        throws(AdministrationError) -> Caller
    {
        try FileTrust.check(file, configuration)
        return Caller(
            account: Caller.currentAccount(),
            isRoot: getuid() == 0,
            as: principal,
            operators: configuration.operators,
            delegates: configuration.delegates
        )
    }
}

/// The configuration file, and the principal that acts.
struct CallerOptions: ParsableArguments {
    @OptionGroup var configurationOption: ConfigurationOption

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Act as this principal (operators and delegates).", valueName: "who")
    )
    var principal: Principal?

    func context() throws(AdministrationError) -> AdministrationContext {
        let configuration = try Configuration(file: configurationOption.file)
        return try AdministrationContext(configuration, caller: try caller(configuration))
    }

    func caller(_ configuration: Configuration) throws(AdministrationError) -> Caller {
        try configurationOption.caller(configuration, as: principal)
    }
}

/// A time span in nginx's syntax.
struct TimeSpanArgument {
    let milliseconds: UInt64

    init(text: String) throws {
        guard let milliseconds = TimeSpan.milliseconds(text), milliseconds > 0 else {
            throw ValidationError("a time is a number with a unit, such as 30s, 10m, 8h or 90d")
        }
        self.milliseconds = milliseconds
    }
}

extension Organization: ExpressibleByArgument {
    /// An organization named on the command line.
    public init?(argument: String) {
        self.init(argument)
    }
}

extension Principal: ExpressibleByArgument {
    /// A principal named on the command line.
    public init?(argument: String) {
        self.init(argument)
    }
}
