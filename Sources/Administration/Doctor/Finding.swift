/// Something that the doctor looked at.
public struct Finding: Equatable, Sendable {
    /// How bad it is.
    public enum Level: String, Sendable {
        /// As it should be.
        case ok
        /// To be known, and not wrong.
        case note
        /// Wrong: something does not work, or is not safe, or will not last.
        case fault
    }

    /// What was looked at: `store.version`, say.
    public let check: String
    /// How bad it is.
    public let level: Level
    /// What was found.
    public let text: String
    /// What to do, where something is to be done.
    public let remedy: String?

    static func ok(_ check: String, _ text: String) -> Finding {
        Finding(check: check, level: .ok, text: text, remedy: nil)
    }

    static func note(_ check: String, _ text: String, _ remedy: String? = nil) -> Finding {
        Finding(check: check, level: .note, text: text, remedy: remedy)
    }

    static func fault(_ check: String, _ text: String, _ remedy: String) -> Finding {
        Finding(check: check, level: .fault, text: text, remedy: remedy)
    }
}
