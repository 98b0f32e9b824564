import Administration
import CLinux
import Glibc

/// The process that handles keys.
enum Process {
    /// Leaves no core dump with a key in it, no file that others may read, and notices closed pipes
    /// and files that are too long instead of dying of them.
    static func harden() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        _ = linux_forbid_dumps()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGXFSZ, SIG_IGN)
        occupyStandardDescriptors()
    }

    /// Refuses to act for a caller with what the file of the program may do beyond that: who may run
    /// a copy that belongs to the pepper's group would read the pepper through it, and name a
    /// configuration of his own.
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

    /// Puts something useless where standard input, output or error is closed: otherwise the
    /// connection to the store would get that number, and a key be written into it.
    private static func occupyStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
