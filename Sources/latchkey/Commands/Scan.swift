import Administration
import ArgumentParser

struct Scan: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Find keys that are where none belong.",
        discussion: """
            Searches files, folders and all that a repository of git has ever held, for
            keys of any prefix. Of a key, no more is shown than names its organization.
            Where the pepper and the store can be read, it says whose each key is, and
            whether it still lets anybody in.

            The exit code is 0 where there are no keys, 1 where there are, and 65 where
            something could not be searched and no key was found in the rest.

            Examples:
              latchkey scan .
              git diff --cached | latchkey scan -
              latchkey scan --json /etc /home
            """
    )

    @Argument(help: "Files and folders; - is standard input.", completion: .file())
    var paths: [String]

    @Flag(
        inversion: .prefixedNo,
        help: """
            Search the history of the repository in which each path is, or of none \
            (default: of folders that are repositories).
            """
    )
    var git: Bool?

    @Flag(help: "For programs: an array of JSON objects.")
    var json = false

    @OptionGroup var configurationOption: ConfigurationOption

    func perform() throws(AdministrationError) {
        let report = ScanReport(asJSON: json)
        let scan = KeyScan(
            configurationFile: configurationOption.file,
            history: git.map { $0 ? .always : .never } ?? .whereThereIsOne,
            note: { Terminal.say("latchkey: \(ScanReport.printable($0))") },
            report: report.tell
        )
        for path in paths { scan.search(path) }
        try report.end()
        guard scan.count == 0 else {
            let keys = scan.count == 1 ? "a key was" : "\(scan.count) keys were"
            throw AdministrationError(.notValid, "\(keys) found: replace those that are active")
        }
        guard scan.isComplete else {
            throw AdministrationError(.data, "no key was found in what could be searched")
        }
    }
}
