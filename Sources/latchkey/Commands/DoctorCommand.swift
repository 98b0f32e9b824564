import Administration
import ArgumentParser
import CLatchkeyABI

struct DoctorCommand: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Look for what is wrong with this installation.",
        discussion: """
            Looks at the configuration, the files it names, the store and what both
            programs may do there, what nginx's workers reach, the gateways, the library
            and the module. Changes nothing. The exit code is 0 only where nothing is
            wrong, otherwise 1.

            Examples:
              sudo latchkey doctor
              latchkey doctor --json
            """
    )

    @Flag(help: "For programs: one JSON object with all findings.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "nginx's own configuration, which says whose its workers are.",
            valueName: "file"
        )
    )
    var nginxConf: String?

    @OptionGroup var configurationOption: ConfigurationOption

    func run() throws {
        let doctor = Doctor(
            configurationFile: configurationOption.file,
            nginxConfigurationFile: nginxConf,
            interface: UInt32(LATCHKEY_ABI_VERSION)
        )
        let findings = doctor.examine()
        try report(json ? DoctorReport.json(findings) : DoctorReport.text(findings))
        if DoctorReport.faults(findings) > 0 { throw ExitCode(1) }
    }

    func perform() throws(AdministrationError) {}

    private func report(_ text: String) throws {
        do throws(AdministrationError) {
            try Terminal.write(text)
        } catch {
            throw error.told()
        }
    }
}
