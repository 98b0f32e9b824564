import Glibc
import KeyFormat
import Keyring

/// Creates the pepper and the configuration file of a new installation. Overwrites nothing.
public struct Setup {
    private let configurationFile: String
    private let pepperFile: String
    private let store: String
    private let account: Principal

    /// - Parameters:
    ///   - configurationFile: The configuration to create.
    ///   - pepperFile: The pepper, which may exist; `nil` for a file beside the configuration.
    ///   - store: The store's URL.
    ///   - account: The account that runs the setup; it becomes an operator.
    public init(configurationFile: String, pepperFile: String?, store: String, account: Principal) {
        self.configurationFile = Self.absolute(configurationFile)
        let folder = self.configurationFile.folder
        self.pepperFile = pepperFile.map(Self.absolute) ?? folder.file("pepper")
        self.store = store
        self.account = account
    }

    /// Creates the files.
    ///
    /// - Returns: What was done, a line each.
    /// - Throws: An error if the configuration exists, the store is invalid, or a file cannot be created.
    public func run() throws(AdministrationError) -> [String] {
        let text = configurationText
        try validate(text)
        guard access(configurationFile, F_OK) != 0 else {
            throw AdministrationError(
                .data,
                "\(configurationFile) already exists; nothing was done"
            )
        }
        try makeFolders(of: configurationFile)
        try makeFolders(of: pepperFile)
        let hadPepper = access(pepperFile, F_OK) == 0
        if !hadPepper {
            var pepper = try NewFile(pepperFile, mode: 0o600)
            let contents = PepperRing.makeContents()
            try contents.withSpan { contents throws(AdministrationError) in
                try pepper.commit(contents)
            }
        }
        var configuration = try NewFile(configurationFile, mode: 0o644)
        try configuration.commit(Array(text.utf8).span)
        return [
            hadPepper
                ? "kept the existing \(pepperFile)"
                : "created \(pepperFile): keep a copy in a safe place",
            "created \(configurationFile): include it in nginx's http {}",
            "next: latchkey org add NAME --owner WHO, then latchkey generate NAME --as WHO",
        ]
    }

    private var configurationText: String {
        let operators = account.name == "root" ? "root" : "root \(Self.quoted(account.name))"
        return """
            # Read by nginx, inside http {}, and by the latchkey executable.

            # The store that holds the records: redis://host:port/db, rediss://… with TLS, unix:/path,
            # sentinel://host:port,host:port,host:port/name, or cluster://host:port,host:port,host:port.
            latchkey_store       \(Self.quoted(store));

            # The secret with which keys are made and checked. Keep it private; without it no key works.
            latchkey_pepper_file \(Self.quoted(pepperFile));

            # Accounts that may add organizations and act for others with --as.
            latchkey_operators   \(operators);

            """
    }

    private func validate(_ text: String) throws(AdministrationError) {
        _ = try translating(
            try Configuration(ConfigurationFile.directives(in: Array(text.utf8)))
        ) { (fault: ConfigurationFault) in AdministrationError(.usage, fault.message) }
    }

    private func makeFolders(of file: String) throws(AdministrationError) {
        var path = ""
        for name in file.split(separator: "/").dropLast() {
            path += "/" + name
            if mkdir(path, 0o755) == 0 {
                chmod(path, 0o755)
            } else if errno != EEXIST, access(path, F_OK) != 0 {
                throw AdministrationError(
                    .data,
                    "\(path) could not be created: \(String(cString: strerror(errno)))"
                        + "; run as root, or choose other paths with --config and --pepper-file"
                )
            }
        }
    }

    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// A value in nginx's syntax.
    private static func quoted(_ value: String) -> String {
        let needsQuotes = value.utf8.contains { $0 <= 0x20 || "\"'\\;{}#$".utf8.contains($0) }
        guard needsQuotes else { return value }
        return "\"" + value.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : [$0] } + "\""
    }
}
