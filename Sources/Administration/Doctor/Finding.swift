import RedisClient

/// The result of one check of the doctor.
public struct Finding: Equatable, Sendable {
    /// The severity of a finding.
    public enum Level: String, Sendable {
        /// Nothing is wrong.
        case ok
        /// Worth knowing, and not wrong.
        case note
        /// Something does not work, is not safe, or will not last.
        case fault
    }

    /// The check's name, such as `store.version`.
    public let check: String
    /// The severity.
    public let level: Level
    /// What was found.
    public let text: String
    /// What to do; `nil` if nothing has to be done.
    public let remedy: String?

    /// The same finding, of one of several servers.
    func at(_ server: Endpoint) -> Finding {
        Finding(check: check, level: level, text: "\(server): \(text)", remedy: remedy)
    }

    static func ok(_ check: String, _ text: String) -> Finding {
        Finding(check: check, level: .ok, text: text, remedy: nil)
    }

    static func note(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, level: .note, text: text, remedy: remedy)
    }

    static func fault(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, level: .fault, text: text, remedy: remedy)
    }
}
