import Administration
import Keyring

/// A line of the log: JSON. It never holds a key, nor more of an address than its route.
public enum LogLine {
    /// How much a line matters.
    public enum Level: String, Sendable {
        case info
        case warning
        case error
    }

    /// A request that was answered.
    ///
    /// - Parameters:
    ///   - milliseconds: How long it took.
    ///   - note: What else happened.
    public static func request(
        _ request: ConsoleRequest,
        id: String,
        route: Route?,
        job: Job?,
        status: Int,
        milliseconds: UInt64,
        note: String?,
        at time: UnixTime
    ) -> String {
        var members = [
            ("time", JSONReport.time(time)),
            ("level", JSONText.string((note == nil ? Level.info : .warning).rawValue)),
            ("request", JSONText.string(id)),
            ("method", JSONText.string(method(request.method))),
            ("route", route.map { JSONText.string($0.template) } ?? "null"),
            ("status", String(status)),
            ("ms", String(milliseconds)),
            ("principal", job?.principal.map { JSONText.string($0.name) } ?? "null"),
            ("organization", job?.organization.map { JSONText.string($0.name) } ?? "null"),
        ]
        if let note { members.append(("note", JSONText.string(note))) }
        return JSONText.object(members) + "\n"
    }

    /// Anything else.
    public static func message(
        _ text: String,
        _ level: Level,
        id: String? = nil,
        at time: UnixTime
    ) -> String {
        var members = [
            ("time", JSONReport.time(time)), ("level", JSONText.string(level.rawValue)),
        ]
        if let id { members.append(("request", JSONText.string(id))) }
        return JSONText.object(members + [("note", JSONText.string(text))]) + "\n"
    }

    /// A known method: what a client makes up may hold anything.
    private static func method(_ text: String) -> String {
        ["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS"].contains(text) ? text : "other"
    }
}
