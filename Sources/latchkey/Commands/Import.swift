import Administration
import ArgumentParser

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

    func perform() throws(AdministrationError) -> ExitCode {
        let archive = try options.context().archive
        let text = try InputFile.read(file)
        try Interruption.deferred { () throws(AdministrationError) in
            let (summary, confirmation) = try run(archive, text)
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
            if case .confirmed(_, let outcome) = confirmation {
                Terminal.say(ConfirmationText.copies(outcome))
            }
            guard summary.faults.isEmpty else {
                throw AdministrationError(.data, "not all records were imported")
            }
        }
        return .success
    }

    private func run(_ archive: ArchiveService, _ text: [UInt8])
        throws(AdministrationError) -> (TransferSummary, ConfirmationResult)
    {
        let line = ProgressLine()
        defer { line.erase() }
        return try confirmationOptions.run { policy throws(AdministrationError) in
            try archive.import(text, policy: policy) { progress in
                line.show(progress, "Imported")
                return !Interruption.isPending
            }
        }
    }
}
