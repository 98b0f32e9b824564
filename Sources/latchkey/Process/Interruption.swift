import Administration
import Glibc

/// The signals that end a process from a terminal or a supervisor.
enum Interruption {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]

    /// Whether a signal has arrived since they were deferred.
    static var isPending: Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return numbers.contains { sigismember(&pending, $0) == 1 }
    }

    /// Makes signals report that nothing was done, until they are deferred.
    static func reportNothingDone() {
        for number in numbers where !isIgnored(number) {
            signal(number) { number in
                let message: StaticString = "\nlatchkey: interrupted; nothing was done\n"
                _ = write(STDERR_FILENO, message.utf8Start, message.utf8CodeUnitCount)
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    /// Whether the parent process has ignored the signal (`nohup`).
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Defers signals while `body` runs, so that it completes. Signals that arrive meanwhile only end the
    /// wait for workers, if there is one; they are discarded at the end.
    static func deferred(_ body: () throws(AdministrationError) -> Void)
        throws(AdministrationError)
    {
        var signals = sigset_t()
        var earlier = sigset_t()
        sigemptyset(&signals)
        for number in numbers { sigaddset(&signals, number) }
        sigprocmask(SIG_BLOCK, &signals, &earlier)
        defer {
            var noTime = timespec()
            while sigtimedwait(&signals, nil, &noTime) > 0 {}
            for number in numbers where !isIgnored(number) { signal(number, SIG_DFL) }
            sigprocmask(SIG_SETMASK, &earlier, nil)
        }
        try body()
    }
}
