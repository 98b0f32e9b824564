import Administration
import ConsoleCore
import Keyring

/// What the command line asks for.
enum Command: Equatable {
    case serve(configuration: String)
    case check(configuration: String)
    case version
    case help

    static let usage = """
        OVERVIEW: Serve the page on which owners manage their API keys, and the same as JSON.

        USAGE: latchkey-console [--config <file>] [--check]

        OPTIONS:
          --config <file>  The configuration (default: \(ConsoleAddress.standardFile)).
          --check          Check the configuration, and exit.
          --version        Show the version.
          -h, --help       Show help information.

        """

    /// - Throws: An error if the arguments are not understood.
    init(_ arguments: [String]) throws(AdministrationError) {
        var configuration = ConsoleAddress.standardFile
        var isCheck = false
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            switch argument {
            case "--check": isCheck = true
            case "--version":
                self = .version
                return
            case "-h", "--help":
                self = .help
                return
            case "--config":
                guard let file = rest.popFirst() else {
                    throw AdministrationError(.usage, "--config requires a file")
                }
                configuration = file
            default:
                // The argument itself is not repeated: it may be a key in the wrong place.
                throw AdministrationError(.usage, "unknown argument; see latchkey-console --help")
            }
        }
        self = isCheck ? .check(configuration: configuration) : .serve(configuration: configuration)
    }
}
