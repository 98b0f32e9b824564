import CLinux
import Glibc

/// Colours for terminals.
enum ANSIStyle: String {
    case good = "32"
    case warning = "33"
    case bad = "31"

    /// Whether a descriptor is a terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) != 0 }

    /// Whether a descriptor gets colours: a terminal that supports them, unless `NO_COLOR` is set
    /// (no-color.org).
    static func isEnabled(_ descriptor: Int32) -> Bool {
        guard isTerminal(descriptor), let terminal = value("TERM"),
            !["", "dumb"].contains(terminal)
        else {
            return false
        }
        return (value("NO_COLOR") ?? "").isEmpty
    }

    /// The text in this colour if the descriptor gets colours.
    func applied(to text: String, _ descriptor: Int32 = STDOUT_FILENO) -> String {
        Self.isEnabled(descriptor) ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text
    }

    private static func value(_ name: String) -> String? {
        secure_getenv(name).map { String(cString: $0) }
    }
}
