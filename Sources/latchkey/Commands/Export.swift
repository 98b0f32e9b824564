import Administration
import ArgumentParser
import Glibc

struct Export: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write all records to standard output, for a backup (operators only).",
        discussion: """
            The export holds organizations, owners and verifiers, with which keys are
            compared, but no keys and no audit. A record that cannot be proven is left out
            and reported, and the exit code is 65.

            Example:
              umask 077; latchkey export > records
            """
    )

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) -> ExitCode {
        let (text, summary) = try options.context().archive.export()
        guard Output.write(text.span, to: STDOUT_FILENO) else {
            throw AdministrationError(
                .output,
                "the export could not be written: \(String(cString: strerror(errno)))"
            )
        }
        Terminal.say("Exported \(Counted(summary.written, "record")).")
        Terminal.say(summary.faults.map { "latchkey: \($0)" })
        guard summary.faults.isEmpty else {
            throw AdministrationError(
                .data,
                "\(Counted(summary.faults.count, "record").were) left out"
            )
        }
        return .success
    }
}
