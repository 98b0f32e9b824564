import Administration
import CLinux
import Glibc

/// Protects the process, which handles keys.
enum Process {
    /// Prevents core dumps and files that other accounts can read, and turns closed pipes and files that
    /// are too long into errors instead of signals.
    static func harden() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        _ = linux_forbid_dumps()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        occupyStandardDescriptors()
    }

    /// Refuses privileges that the file of the program has beyond its caller's: through a copy that belongs
    /// to the pepper's group, any account could use the pepper with a configuration of its own.
    ///
    /// - Throws: An error if there are such privileges.
    static func refuseBorrowedPrivileges() throws(AdministrationError) {
        guard
            getuid() != geteuid() || getgid() != getegid() || linux_has_capabilities_of_file() != 0
        else { return }
        throw AdministrationError(
            .notPermitted,
            "this copy runs with privileges that its caller does not have: remove them (chmod ug-s, "
                + "setcap -r); docs/ACCESS.md describes other ways to give owners access"
        )
    }

    /// Opens /dev/null in place of closed standard descriptors. Otherwise the connection to the store could
    /// become standard output, and a key be written to it.
    private static func occupyStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
