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

    func perform() throws(AdministrationError) {
        let (text, summary) = try options.administration().exportRecords()
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
    }
}

struct Import: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write exported records into the store (operators only).",
        discussion: """
            Needs the pepper under which they were made. A damaged file is refused as a
            whole. A record of the same or a later version in the store stays. Keys that
            were revoked after the export come back if the store has lost the revocation:
            revoke them again.

            Example:
              latchkey import records
            """
    )

    @Argument(help: "The file (- for standard input).", completion: .file())
    var file: String

    @OptionGroup var confirmationOptions: ConfirmationOptions

    @OptionGroup var options: CallerOptions

    func perform() throws(AdministrationError) {
        let administration = try options.administration()
        let text = try InputFile.read(file)
        try Interruption.deferred { () throws(AdministrationError) in
            let (summary, confirmation) = try run(administration, text)
            Terminal.say(
                "Imported \(Counted(summary.written, "record")); "
                    + "\(Counted(summary.left).were) left unchanged."
            )
            Terminal.say(summary.faults.map { "latchkey: \($0)" })
            if case .unconfirmed(let uncertainty) = confirmation {
                throw ConfirmationText.error(
                    for: uncertainty,
                    change: "the records were imported",
                    key: "earlier keys",
                    remedy: "import them again"
                )
            }
            guard summary.faults.isEmpty else {
                throw AdministrationError(.data, "not all records were imported")
            }
        }
    }

    private func run(_ administration: KeyAdministration, _ text: [UInt8])
        throws(AdministrationError) -> (TransferSummary, ConfirmationResult)
    {
        let line = ProgressLine()
        defer { line.erase() }
        return try confirmationOptions.run { policy throws(AdministrationError) in
            try administration.importRecords(text, policy: policy) { progress in
                line.show(progress, "Imported")
                return !Interruption.isPending
            }
        }
    }
}
