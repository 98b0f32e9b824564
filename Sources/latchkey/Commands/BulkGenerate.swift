import Administration
import Glibc

/// Makes keys for many organizations.
struct BulkGenerate {
    let lines: [OrganizationLine]
    let command: Generate

    init(_ lines: [OrganizationLine], _ command: Generate) {
        self.lines = lines
        self.command = command
    }

    func generate() throws(AdministrationError) {
        let administration = try command.options.administration()
        guard Output.isOpen(STDOUT_FILENO) else {
            throw AdministrationError(.output, "standard output is closed; nothing was done")
        }
        if command.replace {
            try Terminal.confirm(
                question,
                yes: command.yes
            )
        }
        try Interruption.heldBack { () throws(AdministrationError) in
            let (summary, confirmation) = try run(administration)
            Terminal.say(
                "Generated \(summary.changed); \(summary.unchanged) already had a key.\(expiry)"
            )
            let failure = command.many.tell(summary)
            try tell(confirmation)
            if let failure { throw failure }
        }
    }

    private var question: String {
        let those = Counted(lines.count, "organization")
        let what =
            command.terms.graceEnd(SystemClock.unixTime()).map {
                "This replaces the keys of \(those), which stay valid until \(TimeText.moment($0))."
            } ?? "This immediately invalidates the keys of \(those)."
        return what + expiry
    }

    private var expiry: String {
        command.terms.expiry(SystemClock.unixTime()).map {
            " New keys expire \(TimeText.moment($0))."
        } ?? ""
    }

    private func run(_ administration: KeyAdministration) throws(AdministrationError)
        -> (BatchSummary, ConfirmationResult)
    {
        try command.many.run("Generated") {
            goesOn throws(AdministrationError) -> (BatchSummary, ConfirmationResult) in
            try command.waiting.run { waiting throws(AdministrationError) in
                try administration.generateKeys(
                    lines,
                    isReplacing: command.replace,
                    spans: command.terms.spans,
                    waiting: waiting,
                    deliver: { text throws(AdministrationError) in
                        guard Output.write(text, to: STDOUT_FILENO) else {
                            throw AdministrationError(.output, String(cString: strerror(errno)))
                        }
                    },
                    goesOn: goesOn
                )
            }
        }
    }

    private func tell(_ confirmation: ConfirmationResult) throws(AdministrationError) {
        switch confirmation {
        case .confirmed(_, let answer): Terminal.say(ConfirmationText.notes(answer))
        case .notAwaited: break
        case .unconfirmed(let doubt):
            throw ConfirmationText.doubt(
                doubt,
                change: "the keys were generated",
                key: "the previous keys",
                remedy: "check each with \"latchkey verify\""
            )
        }
    }
}
