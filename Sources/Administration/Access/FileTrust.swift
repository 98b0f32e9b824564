import Glibc
import Keyring

/// Whose files may say who is an operator.
///
/// An account is what the kernel calls it, and that is sure only where the kernel's numbers are the
/// machine's: in a user namespace anybody can be root, with an /etc/passwd of his own. What such a
/// namespace cannot do is to know the pepper's owner. And whoever may read the pepper could name
/// operators of his own in a configuration of his own: so both files need the same owner, or root.
///
/// This holds for who goes through the executable. Who copies the pepper does without it.
public enum FileTrust {
    /// The owner of files whose true owner the user namespace does not know (kernel.overflowuid).
    private static let unknown: uid_t = 65_534

    /// Lets through a configuration that belongs to root or to the pepper's owner.
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
