import Administration
import ConsoleCore
import Glibc
import Keyring

/// The configuration of a console, and the account that it runs as.
struct Installation: Sendable {
    let settings: ConsoleSettings
    let configuration: Configuration
    /// The keys of the tokens that say who asks; `nil` if a header says so.
    let tokens: (keys: WebKeySet, verifier: any SignatureVerifier)?
    private let account: Principal

    /// - Throws: An error with file and line if the configuration is wrong, or one that says why this
    ///   account cannot serve.
    init(file path: String) async throws(AdministrationError) {
        let directives = try Configuration.directives(file: path)
        configuration = try Configuration(directives.filter { !$0.isForConsole }, file: path)
        settings = try translating(try ConsoleSettings(directives)) { (fault: ConfigurationFault) in
            AdministrationError(fault, in: path)
        }
        tokens = try await Self.tokens(settings.identity)
        account = Caller.currentAccount()
        try FileTrust.check(path, configuration)
        guard caller(as: account).mayActForOthers else {
            throw AdministrationError(
                .configuration,
                "\(path): \(account) may not act for others: add it to latchkey_delegates"
            )
        }
    }

    private static func tokens(_ identity: IdentityRule) async throws(AdministrationError)
        -> (keys: WebKeySet, verifier: any SignatureVerifier)?
    {
        guard case .token(let file) = identity else { return nil }
        let text: [UInt8]
        do throws(SecretFile.Fault) {
            text = try SecretFile.read(file).withSpan { bytes in bytes.indices.map { bytes[$0] } }
        } catch {
            let fault = error == .missing ? "does not exist" : "\(error)"
            throw AdministrationError(.configuration, "\(file) \(fault)")
        }
        do throws(WebKeySet.Fault) {
            let keys = try WebKeySet(text)
            return (keys, try await TokenSignatures(keys))
        } catch {
            throw AdministrationError(.configuration, "\(file) \(error.message)")
        }
    }

    /// The console's account, acting as a principal.
    func caller(as principal: Principal, from address: ClientAddress? = nil) -> Caller {
        Caller(
            account: account,
            isRoot: getuid() == 0,
            as: principal,
            from: address,
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

    /// Notices before the start that the socket cannot be made.
    ///
    /// - Throws: What is wrong with its folder.
    func checkFolder() throws(AdministrationError) {
        guard case .unix(let path) = settings.listener else { return }
        let folder = path.folder
        guard access(folder, W_OK | X_OK) == 0 else {
            throw AdministrationError(
                .configuration,
                "\(folder): \(String(cString: strerror(errno))): the socket needs a folder in which "
                    + "\(account) may write; systemd-tmpfiles --create makes the usual one"
            )
        }
    }

    /// Administration for the principal of a job.
    func administration(for job: Job) throws(KeyFailure) -> ContextAdministration {
        let caller = caller(as: job.principal ?? account, from: job.address)
        return try ContextAdministration(configuration, caller: caller)
    }
}
