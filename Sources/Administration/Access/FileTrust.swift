import Glibc
import Keyring

/// Decides whose configuration may name operators.
///
/// An account is what the kernel reports, which means something only if the kernel's uids are the host's:
/// in a user namespace any account can be root, with its own /etc/passwd. But such a namespace does not
/// know the owner of the pepper. An account that can read the pepper could also name operators in its
/// own configuration, so both files must belong to the same owner, or the configuration to root.
///
/// This binds callers of the executable. A copy of the pepper needs no executable.
public enum FileTrust {
    /// The owner of files whose owner does not exist in the user namespace (kernel.overflowuid).
    private static let unknown: uid_t = 65_534

    /// - Throws: An error unless the configuration belongs to root or to the pepper's owner.
    public static func check(_ file: String, _ configuration: Configuration)
        throws(AdministrationError)
    {
        guard let pepper = owner(of: configuration.pepperFile), let owner = owner(of: file) else {
            return
        }
        guard pepper != unknown else {
            throw AdministrationError(
                .notPermitted,
                "the owner of \(configuration.pepperFile) is unknown in this user namespace: run "
                    + "latchkey outside of it, or give the file to an account that exists here"
            )
        }
        guard owner == 0 || owner == pepper else {
            throw AdministrationError(
                .notPermitted,
                "\(file) cannot be used with \(configuration.pepperFile): it names the accounts that "
                    + "may use --as, so it must belong to root or to the pepper's owner"
            )
        }
    }

    private static func owner(of file: String) -> uid_t? {
        var status = stat()
        return stat(file, &status) == 0 ? status.st_uid : nil
    }
}
