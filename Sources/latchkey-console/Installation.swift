import Administration
import ConsoleCore
import Glibc
import Keyring

/// The configuration of a console, and the account that it runs as.
struct Installation: Sendable {
    let settings: ConsoleSettings
    let configuration: Configuration
    private let account: Principal

    /// - Throws: An error with file and line if the configuration is wrong, or one that says why this
    ///   account cannot serve.
    init(file path: String) throws(AdministrationError) {
        let directives = try Configuration.directives(file: path)
        configuration = try Configuration(directives.filter { !$0.isForConsole }, file: path)
        do throws(ConfigurationFault) {
            settings = try ConsoleSettings(directives)
        } catch {
            throw AdministrationError(error, in: path)
        }
        account = Caller.currentAccount()
        try FileTrust.check(path, configuration)
        guard caller(as: account).mayActForOthers else {
            throw AdministrationError(
                .configuration,
                "\(path): \(account) may not act for others: add it to latchkey_delegates"
            )
        }
    }

    /// The console's account, acting as a principal.
    func caller(as principal: Principal) -> Caller {
        Caller(
            account: account,
            isRoot: getuid() == 0,
            as: principal,
            operators: configuration.operators,
            delegates: configuration.delegates
        )
    }

    /// Reads the secrets once, so that a wrong one is noticed before the first owner needs it.
    ///
    /// - Throws: Why they cannot be read.
    func checkSecrets() throws(AdministrationError) {
        _ = try AdministrationContext(configuration, caller: caller(as: account))
    }

    /// Administration for a principal.
    func administration(for principal: Principal?) throws(KeyFailure) -> ContextAdministration {
        try ContextAdministration(configuration, caller: caller(as: principal ?? account))
    }
}
