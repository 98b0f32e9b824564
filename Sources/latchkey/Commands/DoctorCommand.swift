import Administration
import ArgumentParser
import CLatchkeyABI

struct DoctorCommand: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this installation for problems.",
        discussion: """
            Checks the configuration, the files it names, the store and the permissions of
            both programs there, what nginx workers can reach, the running workers, the
            library and the module, and the console where it is configured. Changes
            nothing. The exit code is 0 if there are no problems, otherwise 1.

            Examples:
              sudo latchkey doctor
              latchkey doctor --json
            """
    )

    @Flag(help: "For programs: one JSON object with all findings.")
    var json = false

    @Option(
        help: ArgumentHelp(
            "nginx's own configuration, which names the user of its workers.",
            valueName: "file"
        )
    )
    var nginxConf: String?

    @Option(
        help: ArgumentHelp(
            "The console's configuration (default: \(ConsoleAddress.standardFile), if it exists).",
            valueName: "file"
        )
    )
    var consoleConf: String?

    @OptionGroup var configurationOption: ConfigurationOption

    func perform() throws(AdministrationError) -> ExitCode {
        let doctor = Doctor(
            configurationFile: configurationOption.file,
            nginxConfigurationFile: nginxConf,
            consoleConfigurationFile: consoleConf,
            interface: UInt32(LATCHKEY_ABI_VERSION)
        )
        let findings = doctor.examine()
        try Terminal.write(json ? DoctorReport.json(findings) : DoctorReport.text(findings))
        return DoctorReport.faults(findings) == 0 ? .success : .failure
    }
}
