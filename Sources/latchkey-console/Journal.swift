import Administration
import ConsoleCore
import Glibc
import Logging

/// Standard error: a line for each request, and for all else that an operator should know.
struct Journal: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.warning
    var metadataProvider: Logger.MetadataProvider?

    static func write(_ line: String) {
        _ = Output.write(Array(line.utf8).span, to: STDERR_FILENO)
    }

    /// A message of the server's own.
    static func say(_ text: String, _ level: LogLine.Level, id: String? = nil) {
        write(LogLine.message(text, level, id: id, at: SystemClock.unixTime()))
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        Self.say("\(event.message)", event.level >= .error ? .error : .warning)
    }
}
