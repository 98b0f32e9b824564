import Administration
import Glibc

/// One line on the terminal that is rewritten while something is waited for, and gone at the end.
/// Where standard error is no terminal, there is none.
final class ProgressLine {
    /// A wait that is over before is none that anybody notices.
    private static let silenceMilliseconds: UInt64 = 200

    private static let widthMax = 79

    private let isTerminal = isatty(STDERR_FILENO) != 0
    private var width = 0

    /// Tells how the wait for the gateways goes.
    func show(_ wait: BarrierProgress) {
        guard isTerminal, wait.elapsedMilliseconds >= Self.silenceMilliseconds else { return }
        show(ConfirmationText.progress(wait))
    }

    /// Tells how work on many organizations goes on.
    func show(_ progress: BatchProgress, _ verb: String) {
        guard isTerminal, progress.done > 0 else { return }
        show("\(verb) \(progress.done) of \(progress.count)")
    }

    /// Leaves nothing of it.
    func erase() {
        guard width > 0 else { return }
        show("")
        write("\r")
    }

    private func show(_ text: String) {
        let text = text.prefix(Self.widthMax)
        write("\r" + text + String(repeating: " ", count: max(0, width - text.count)))
        width = text.count
    }

    private func write(_ text: String) {
        _ = Output.write(Array(text.utf8).span, to: STDERR_FILENO)
    }
}
