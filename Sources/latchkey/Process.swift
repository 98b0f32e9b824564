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

    /// Puts something useless where standard input, output or error is closed: otherwise the
    /// connection to the store would get that number, and a key be written into it.
    private static func occupyStandardDescriptors() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}
