import Administration
import Glibc
import KeyFormat

/// Reads from and writes to standard input, output and error.
enum Terminal {
    /// Most bytes that are read from standard input.
    private static let inputLengthMax = 4096

    /// Writes a message to standard error.
    static func say(_ line: String) {
        _ = Output.write(Array((Redaction.redacting(line) + "\n").utf8).span, to: STDERR_FILENO)
    }

    /// Writes messages to standard error, a line each.
    static func say(_ lines: [String]) {
        for line in lines { say(line) }
    }

    /// Writes a result to standard output.
    ///
    /// - Throws: An error if standard output does not accept it.
    static func write(_ text: String) throws(AdministrationError) {
        guard Output.write(Array(text.utf8).span, to: STDOUT_FILENO) else {
            throw AdministrationError(
                .output,
                "the result could not be written: \(String(cString: strerror(errno)))"
            )
        }
    }

    /// Writes new keys to standard output.
    ///
    /// - Throws: The reason, if standard output does not accept them.
    static func write(keys: Span<UInt8>) throws(AdministrationError) {
        guard Output.write(keys, to: STDOUT_FILENO) else {
            throw AdministrationError(.output, String(cString: strerror(errno)))
        }
    }

    /// Checks that standard output is open, before keys are generated for it.
    static func checkOutput() throws(AdministrationError) {
        guard Output.isOpen(STDOUT_FILENO) else {
            throw AdministrationError(.output, "standard output is closed; nothing was done")
        }
    }

    /// Asks for confirmation.
    ///
    /// - Parameter yes: Whether the answer was given on the command line.
    /// - Throws: An error if the answer is no, or there is no terminal to ask on.
    static func confirm(_ warning: String, yes: Bool = false) throws(AdministrationError) {
        guard !yes else { return }
        guard isatty(STDIN_FILENO) != 0, isatty(STDERR_FILENO) != 0 else {
            throw AdministrationError(
                .usage,
                "\(warning) There is no terminal to ask on: add --yes to continue"
            )
        }
        _ = Output.write(Array("\(warning)\nContinue? [y/N] ".utf8).span, to: STDERR_FILENO)
        guard let answer = Swift.readLine()?.lowercased(), answer == "y" || answer == "yes" else {
            throw AdministrationError(.data, "nothing was done")
        }
    }

    /// Reads a key from standard input, up to the end of the line. A terminal does not show it.
    ///
    /// - Throws: An error if standard input cannot be read, or is too long for a key.
    static func readSecret() throws(AdministrationError) -> SecretBytes {
        let isTerminal = isatty(STDIN_FILENO) != 0
        var settings = termios()
        tcgetattr(STDIN_FILENO, &settings)
        if isTerminal {
            _ = Output.write(Array("Key: ".utf8).span, to: STDERR_FILENO)
            setEcho(false, settings)
        }
        defer { if isTerminal { setEcho(true, settings) } }
        return try SecretBytes(capacity: inputLengthMax + 2) { key throws(AdministrationError) in
            try key.withUnsafeMutableBufferPointer { storage, count throws(AdministrationError) in
                count = try readKey(into: storage)
            }
            guard key.count <= inputLengthMax else {
                throw AdministrationError(.data, "the input is too long for a key")
            }
        }
    }

    private static func readKey(
        into storage: UnsafeMutableBufferPointer<UInt8>
    ) throws(AdministrationError) -> Int {
        var count = 0
        while count < storage.count {
            let result = read(STDIN_FILENO, storage.baseAddress! + count, storage.count - count)
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else {
                throw AdministrationError(.data, "standard input cannot be read")
            }
            count += result
            if result == 0 || storage[..<count].last == UInt8(ascii: "\n") { break }
        }
        if count > 0, storage[count - 1] == UInt8(ascii: "\n") { count -= 1 }
        if count > 0, storage[count - 1] == UInt8(ascii: "\r") { count -= 1 }
        return count
    }

    private static func setEcho(_ isOn: Bool, _ settings: termios) {
        var settings = settings
        if !isOn { settings.c_lflag &= ~tcflag_t(ECHO) }
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
        if isOn { say("") }
    }
}
