import Keyring
import RedisClient

/// Why something was not done, and the exit code that says so (those of sysexits.h where there is
/// one).
public struct AdministrationError: Error, Equatable, Sendable {
    /// What kind of failure it is.
    public enum Kind: Int32, Sendable {
        /// The key that was to be verified is not valid, or keys were found where none belong.
        case notValid = 1
        /// The words of the command (EX_USAGE).
        case usage = 64
        /// The caller's data, or a record that cannot be trusted (EX_DATAERR).
        case data = 65
        /// The store cannot be reached, or does not do what it is told (EX_UNAVAILABLE).
        case store = 69
        /// Something was done, but its result could not be written out (EX_IOERR).
        case output = 74
        /// It is not known whether it was done (EX_TEMPFAIL).
        case unconfirmed = 75
        /// The caller may not do it (EX_NOPERM).
        case notPermitted = 77
        /// The configuration (EX_CONFIG).
        case configuration = 78
    }

    /// What kind of failure it is; its raw value is the exit code.
    public let kind: Kind

    /// One line for the user: what is wrong, and what to do.
    public let message: String

    /// A failure with a line for the user.
    public init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }
}

extension AdministrationError {
    /// - Parameter subject: Which record it is.
    init(_ fault: RecordFault, _ subject: String) {
        guard case .unreadable(let error) = fault, error.code != "WRONGTYPE" else {
            self.init(.data, "\(subject) \(fault)")
            return
        }
        self.init(error.code == "NOPERM" ? .notPermitted : .store, "\(subject) \(fault)")
    }

    init(_ fault: StoreConnection.Fault) {
        switch fault {
        case .unreachable(let text), .interrupted(let text): self.init(.store, text)
        case .notPermitted(let text): self.init(foreign: text)
        }
    }

    init(_ fault: SecretFault) {
        if fault.isForeign {
            self.init(foreign: fault.message)
        } else {
            self.init(.configuration, fault.message)
        }
    }

    /// The account cannot get at what keys are managed with.
    private init(foreign reason: String) {
        self.init(
            .notPermitted,
            "this account may not manage keys: \(reason); root can, for an owner, with --as OWNER"
        )
    }

    init(_ error: RedisError) {
        self.init(
            error.code == "NOPERM" ? .notPermitted : .store,
            "the store refused the change; nothing was done:  \(error.message)"
        )
    }
}
