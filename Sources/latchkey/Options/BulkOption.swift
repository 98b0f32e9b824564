import Administration
import ArgumentParser

/// A file with many organizations.
struct BulkOption: ParsableArguments {
    /// Most refused lines that are reported one by one.
    private static let refusalsMax = 20

    @Option(
        name: .customLong("from"),
        help: ArgumentHelp(
            "Process each line ORGANIZATION OWNER of this file (- for standard input).",
            valueName: "file"
        ),
        completion: .file()
    )
    var path: String?

    func lines() throws(AdministrationError) -> [OrganizationLine]? {
        guard let path else { return nil }
        return try OrganizationLine.lines(in: try InputFile.read(path), name: name)
    }

    private var name: String { path == "-" ? "standard input" : path ?? "" }

    /// Runs `body` with a closure that shows the progress, and returns `false` when a signal arrives.
    func run<Result>(
        _ verb: String,
        _ body: ((BatchProgress) -> Bool) throws(AdministrationError) -> Result
    ) throws(AdministrationError) -> Result {
        let line = ProgressLine()
        defer { line.erase() }
        return try body { progress in
            line.show(progress, verb)
            return !Interruption.isPending
        }
    }

    /// Reports refused and unprocessed lines. Returns the command's error, if there are any.
    func report(_ summary: BatchSummary) -> AdministrationError? {
        for refusal in summary.refusals.prefix(Self.refusalsMax) {
            Terminal.say("latchkey: \(name):\(refusal.line.number): \(refusal.error.message)")
        }
        let rest = summary.refusals.count - Self.refusalsMax
        if rest > 0 { Terminal.say("latchkey: \(Counted(rest, "more line").were) refused") }
        if summary.left > 0 {
            let left =
                "\(Counted(summary.left, "line").were) not processed; run the same command to continue"
            Terminal.say("latchkey: \(left)")
            return AdministrationError(.unconfirmed, "interrupted")
        }
        return summary.refusals.first.map { first in
            AdministrationError(
                first.error.kind,
                "\(Counted(summary.refusals.count, "line").were) refused"
            )
        }
    }
}
