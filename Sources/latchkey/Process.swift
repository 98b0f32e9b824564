import CLinux
import Glibc

/// The process that handles keys.
enum Process {
    /// Leaves no core dump with a key in it, no file that others may read, and notices closed pipes
    /// instead of dying of them.
    static func harden() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
        _ = linux_forbid_dumps()
        umask(0o077)
        signal(SIGPIPE, SIG_IGN)
    }
}
