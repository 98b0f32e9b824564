import Administration
import Glibc

/// The signals with which people, terminals and supervisors end a process.
enum Interruption {
    private static let numbers = [SIGINT, SIGTERM, SIGHUP]

    /// Whether one has come since they are held back.
    static var isPending: Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return numbers.contains { sigismember(&pending, $0) == 1 }
    }

    /// From here on, until they are held back, whoever interrupts is told that nothing was done.
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

    /// Whether who started the process wants it to go on all the same (`nohup`).
    private static func isIgnored(_ number: Int32) -> Bool {
        var action = sigaction()
        sigaction(number, nil, &action)
        return unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
            == unsafeBitCast(SIG_IGN, to: Int.self)
    }

    /// Holds them back, so that what has begun comes to its end. Those that came meanwhile have had
    /// their effect by then, or come too late.
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
