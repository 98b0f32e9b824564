import Administration
import ArgumentParser

/// Whether to wait for the nginx workers.
struct ConfirmationOptions: ParsableArguments {
    @Flag(
        name: .customLong("no-wait"),
        help: "Do not wait for the nginx workers to acknowledge the change."
    )
    var noWait = false

    /// Runs `body` with the policy: it shows the progress, and ends the wait when a signal arrives.
    func run<Result: ~Copyable>(
        _ body: (ConfirmationPolicy) throws(AdministrationError) -> Result
    ) throws(AdministrationError) -> Result {
        let progress = ProgressLine()
        defer { progress.erase() }
        guard !noWait else { return try body(.none) }
        let policy = ConfirmationPolicy.whileTrue { wait in
            progress.show(wait)
            return !Interruption.isPending
        }
        return try body(policy)
    }
}
