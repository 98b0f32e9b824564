import Administration
import ArgumentParser
import CLinux
import Glibc
import Keyring

/// Which configuration.
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
}

/// Which configuration, and who acts.
struct CallerOptions: ParsableArguments {
    @OptionGroup var configurationOption: ConfigurationOption

    @Option(
        name: .customLong("as"),
        help: ArgumentHelp("Act as this principal (operators only).", valueName: "who")
    )
    var principal: Principal?

    func administration() throws(AdministrationError) -> KeyAdministration {
        let configuration = try Configuration(file: configurationOption.file)
        return try KeyAdministration(configuration, caller: try caller(configuration))
    }

    func caller(_ configuration: Configuration) throws(AdministrationError) -> Caller {
        try FileTrust.check(configurationOption.file, configuration)
        return Caller(
            account: Caller.currentAccount(),
            isRoot: getuid() == 0,
            as: principal,
            operators: configuration.operators
        )
    }
}

/// A span of time as nginx writes it.
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
    /// An organization as it is named on the command line.
    public init?(argument: String) {
        self.init(argument)
    }
}

extension Principal: ExpressibleByArgument {
    /// A principal as it is named on the command line.
    public init?(argument: String) {
        self.init(argument)
    }
}
