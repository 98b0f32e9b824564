import Administration

/// Runs `latchkey generate --from`.
struct BulkGenerate {
    let lines: [OrganizationLine]
    let command: Generate

    func generate() throws(AdministrationError) {
        let bulk = try command.options.context().bulk
        try Terminal.checkOutput()
        if command.replace { try Terminal.confirm(question, yes: command.yes) }
        try Interruption.deferred { () throws(AdministrationError) in
            let (summary, confirmation) = try run(bulk)
            Terminal.say(
                "Generated \(summary.changed); \(summary.unchanged) already had a key.\(expiry)"
            )
            let failure = command.bulk.report(summary)
            try report(confirmation)
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

    private func run(_ bulk: BulkService) throws(AdministrationError)
        -> (BatchSummary, ConfirmationResult)
    {
        try command.bulk.run("Generated") {
            onProgress throws(AdministrationError) -> (BatchSummary, ConfirmationResult) in
            try command.confirmationOptions.run { policy throws(AdministrationError) in
                try bulk.generateKeys(
                    lines,
                    isReplacing: command.replace,
                    lifetime: command.terms.lifetime,
                    policy: policy,
                    deliver: Terminal.write(keys:),
                    onProgress: onProgress
                )
            }
        }
    }

    private func report(_ confirmation: ConfirmationResult) throws(AdministrationError) {
        switch confirmation {
        case .confirmed(_, let outcome):
            Terminal.say(ConfirmationText.notes(outcome) + ConfirmationText.copies(outcome))
        case .notAwaited: break
        case .unconfirmed(let uncertainty):
            throw ConfirmationText.error(
                for: uncertainty,
                change: "the keys were generated",
                key: "the previous keys",
                remedy: "check each with \"latchkey verify\""
            )
        }
    }
}
