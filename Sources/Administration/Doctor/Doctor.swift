import KeyFormat
import Keyring
import RedisClient

/// Looks at everything that Latchkey rests on, and says what is wrong with it. Changes nothing.
public struct Doctor {
    let configurationFile: String
    let nginxConfigurationFile: String?
    let interface: UInt32

    /// - Parameters:
    ///   - configurationFile: What both programs read.
    ///   - nginxConfigurationFile: nginx's own, which says whose its workers are; `nil` for where
    ///     nginx looks for it.
    ///   - interface: The version of the interface between library and module that this release has.
    public init(configurationFile: String, nginxConfigurationFile: String?, interface: UInt32) {
        self.configurationFile = configurationFile
        self.nginxConfigurationFile = nginxConfigurationFile
        self.interface = interface
    }

    /// All that was found. What cannot be looked at because of a fault is left out.
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
        findings += StoreCheck(configuration).findings
        let module = InstalledModule()
        findings += InstallationCheck(configuration, module, interface: interface).findings
        if let server = module.server?.with(configurationFile: nginxConfigurationFile) {
            findings += WorkerCheck(configuration, server).findings
        }
        return findings
    }
}
