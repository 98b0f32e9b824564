import Administration
import Glibc

/// A line that shows progress and is erased at the end. It appears only if standard error is a terminal.
final class ProgressLine {
    /// Shorter waits go unnoticed.
    private static let silenceMilliseconds: UInt64 = 200

    private static let widthMax = 79

    private let isTerminal = isatty(STDERR_FILENO) != 0
    private var width = 0

    /// Shows the wait for workers.
    func show(_ wait: BarrierProgress) {
        guard isTerminal, wait.elapsedMilliseconds >= Self.silenceMilliseconds else { return }
        show(ConfirmationText.progress(wait))
    }

    /// Shows a bulk operation.
    func show(_ progress: BatchProgress, _ verb: String) {
        guard isTerminal, progress.done > 0 else { return }
        show("\(verb) \(progress.done) of \(progress.count)")
    }

    /// Erases the line.
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
