import Administration
import ArgumentParser

struct Scan: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find keys that have leaked into files.",
        discussion: """
            Searches files, folders and the whole history of git repositories for keys of
            any prefix. Shows only the part of a key that names its organization. If the
            pepper and the store can be read, it says whose each key is, and whether it
            is still accepted.

            The exit code is 0 if there are no keys, 1 if there are, and 65 if something
            could not be searched and no key was found in the rest.

            Examples:
              latchkey scan .
              git diff --cached | latchkey scan -
              latchkey scan --json /etc /home
            """
    )

    @Argument(help: "Files and folders; - for standard input.", completion: .file())
    var paths: [String]

    @Flag(
        inversion: .prefixedNo,
        help: """
            Search the history of the repository that contains each path, or no history \
            (default: that of folders that are repositories).
            """
    )
    var git: Bool?

    @Flag(help: "For programs: an array of JSON objects.")
    var json = false

    @OptionGroup var configurationOption: ConfigurationOption

    func perform() throws(AdministrationError) -> ExitCode {
        let report = ScanReport(asJSON: json)
        let scan = KeyScan(
            configurationFile: configurationOption.file,
            history: git.map { $0 ? .always : .never } ?? .whereThereIsOne,
            note: { Terminal.say("latchkey: \(ScanReport.printable($0))") },
            report: report.add
        )
        for path in paths { scan.search(path) }
        try report.end()
        guard scan.count == 0 else {
            throw AdministrationError(
                .notValid,
                scan.count == 1
                    ? "1 key was found: replace it if it is active"
                    : "\(scan.count) keys were found: replace those that are active"
            )
        }
        guard scan.isComplete else {
            throw AdministrationError(.data, "no key was found in what could be searched")
        }
        return .success
    }
}
