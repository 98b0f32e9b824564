import Administration
import ArgumentParser
import Keyring

struct Scan: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Look for keys where none should be.",
        discussion: """
            Finds keys in files and folders by their form and checksum; with --git, in
            all that repositories remember: each version of each file, and messages.
            Says whose a key is and whether it is active, where pepper and store can be
            asked. Never shows a whole key.

            The exit code is 0 where none was found, 1 where one was, and 65 where
            none was found, but something could not be looked at.

            Examples:
              latchkey scan /etc /srv
              latchkey scan --git ~/src/*
              git diff --cached | latchkey scan -
            """
    )

    @Argument(
        help: "Files and folders, or with --git repositories (- is standard input).",
        completion: .file()
    )
    var paths: [String]

    @Flag(help: "Look through the history of git repositories.")
    var git = false

    @Flag(help: "For programs: an array of JSON objects.")
    var json = false

    @OptionGroup var options: CallerOptions

    func run() throws {
        let scan = scan()
        for path in paths {
            if git { scan.scan(repository: path) } else { scan.scan(path: path) }
        }
        if let blindness = scan.blindness, !scan.keys.isEmpty {
            Terminal.say("latchkey: what the keys are worth is not known: \(blindness)")
        }
        Terminal.say(scan.faults.map { "latchkey: \($0)" })
        do throws(AdministrationError) {
            try Terminal.write(json ? LeakReport.json(scan.keys) : LeakReport.text(scan.keys))
        } catch {
            Terminal.say("latchkey: \(error.message)")
            throw ExitCode(error.kind.rawValue)
        }
        if !scan.keys.isEmpty { throw ExitCode(AdministrationError.Kind.notValid.rawValue) }
        if !scan.faults.isEmpty { throw ExitCode(AdministrationError.Kind.data.rawValue) }
    }

    func perform() throws(AdministrationError) {}

    private func scan() -> LeakScan {
        do throws(AdministrationError) {
            return LeakScan(try options.administration(), blindness: nil)
        } catch {
            return LeakScan(nil, blindness: error.message)
        }
    }
}
