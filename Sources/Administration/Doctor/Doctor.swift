import KeyFormat
import Keyring
import RedisClient

/// Checks everything that Latchkey depends on. Changes nothing.
public struct Doctor {
    let configurationFile: String
    let nginxConfigurationFile: String?
    let consoleConfigurationFile: String?
    let interface: UInt32

    /// - Parameters:
    ///   - configurationFile: The configuration of both programs.
    ///   - nginxConfigurationFile: nginx's own, which names the user of its workers; `nil` for nginx's
    ///     default.
    ///   - consoleConfigurationFile: The console's own; `nil` for the usual one, if it exists.
    ///   - interface: This release's version of the interface between library and module.
    public init(
        configurationFile: String,
        nginxConfigurationFile: String?,
        consoleConfigurationFile: String?,
        interface: UInt32
    ) {
        self.configurationFile = configurationFile
        self.nginxConfigurationFile = nginxConfigurationFile
        self.consoleConfigurationFile = consoleConfigurationFile
        self.interface = interface
    }

    /// All findings. A fault may prevent further checks.
    public func examine() -> [Finding] {
        let configuration: Configuration
        do throws(AdministrationError) {
            configuration = try Configuration(file: configurationFile)
        } catch {
            return [
                .fault("configuration", error.message, "fix the file, or create one: latchkey init")
            ]
        }
        var findings = [Finding.ok("configuration", "\(configurationFile) can be read")]
        findings += FileCheck(configuration).findings
        findings += TransportCheck(configuration).findings
        findings += StoreCheck(configuration).findings
        let module = InstalledModule()
        let library = InstalledModule.library(configuration, interface: interface)
        findings += InstallationCheck(library: library, module, interface: interface).findings
        var workers: Account?
        if let server = module.server?.with(configurationFile: nginxConfigurationFile) {
            let check = WorkerCheck(configuration, server, library: library)
            findings += check.findings
            workers = check.account
        }
        return findings
            + ConsoleCheck(file: consoleConfigurationFile, workers: workers).findings
    }
}
