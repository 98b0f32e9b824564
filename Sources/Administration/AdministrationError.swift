import Keyring
import RedisClient

/// Why a command failed, and the exit code that says so (from sysexits.h where it has one).
public struct AdministrationError: Error, Equatable, Sendable {
    /// The kind of failure. Its raw value is the exit code.
    public enum Kind: Int32, Sendable {
        /// The key is not valid, or keys were found where none belong.
        case notValid = 1
        /// The command line (EX_USAGE).
        case usage = 64
        /// The caller's data, or a record that cannot be trusted (EX_DATAERR).
        case data = 65
        /// The store cannot be reached, or refuses a command (EX_UNAVAILABLE).
        case store = 69
        /// The change was made, but its result could not be written out (EX_IOERR).
        case output = 74
        /// It is uncertain whether the change was made, or holds everywhere (EX_TEMPFAIL).
        case unconfirmed = 75
        /// The caller may not do it (EX_NOPERM).
        case notPermitted = 77
        /// The configuration (EX_CONFIG).
        case configuration = 78
    }

    /// The kind of failure.
    public let kind: Kind

    /// One line for the user: what is wrong, and what to do.
    public let message: String

    /// An error with a line for the user.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

extension AdministrationError {
    /// - Parameter subject: Which record it is, as the beginning of a sentence.
    init(_ fault: RecordFault, _ subject: String) {
        guard case .unreadable(let error) = fault, error.code != "WRONGTYPE" else {
            let remedy =
                fault == .unsealed
                ? "; \"latchkey org remove\" and \"latchkey org add\" replace it" : ""
            self.init(.data, "\(subject) \(fault)\(remedy)")
            return
        }
        self.init(error.code == "NOPERM" ? .notPermitted : .store, "\(subject) \(fault)")
    }

    init(_ fault: StoreConnection.Fault) {
        switch fault {
        case .notPermitted(let text): self.init(inaccessible: text)
        case .unreachable, .refused, .interrupted: self.init(.store, fault.text)
        }
    }

    init(_ fault: SecretFault) {
        if fault.isForeign {
            self.init(inaccessible: fault.message)
        } else {
            self.init(.configuration, fault.message)
        }
    }

    /// Redis' refusal of a change.
    init(_ error: RedisError) {
        self.init(refused: "the store refused the change; nothing was done", error)
    }

    /// Redis' refusal of a command.
    ///
    /// - Parameter subject: What cannot be done, as the beginning of a line.
    init(refused subject: String, _ error: RedisError) {
        self.init(
            error.code == "NOPERM" ? .notPermitted : .store,
            "\(subject): \(error.message)"
        )
    }

    /// The error of one step of many, of which some have been done before.
    func after(_ done: Int, _ noun: String) -> AdministrationError {
        guard done > 0 else { return self }
        return AdministrationError(
            kind,
            "after \(Counted(done, noun)), which stay as they are: \(message)"
        )
    }

    /// The account cannot read the secrets, or reach the store.
    private init(inaccessible reason: String) {
        self.init(
            .notPermitted,
            "this account may not manage keys: \(reason); root can, for an owner, with --as OWNER"
        )
    }
}
