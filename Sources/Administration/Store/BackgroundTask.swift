import Glibc

/// Work in a thread of its own, for calls that block without a deadline, or that go on side by side.
///
/// Work that takes too long is left alone, and ends with its thread or the process.
final class BackgroundTask<Value>: @unchecked Sendable {
    /// Readable once the work is done.
    let descriptor: Int32

    /// A socket that the thread closes once it has written the result.
    private let end: Int32
    private let work: () -> Value

    /// The result. Must not be asked for before ``descriptor`` is readable.
    private(set) var result: Value?

    /// Starts the work.
    init(_ work: @escaping () -> Value) throws(TransportFailure) {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .system(errno: errno) }
        (descriptor, end) = (ends[0], ends[1])
        self.work = work
        try start()
    }

    deinit {
        close(descriptor)
    }

    /// Starts the thread. It receives no signals: the main thread defers them.
    private func start() throws(TransportFailure) {
        var signals = sigset_t()
        var earlier = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_SETMASK, &signals, &earlier)
        defer { pthread_sigmask(SIG_SETMASK, &earlier, nil) }
        let own = Unmanaged.passRetained(Runner { self.run() })
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { own in
                own.map { Unmanaged<Runner>.fromOpaque($0).takeRetainedValue().run() }
                return nil
            },
            own.toOpaque()
        )
        guard result == 0 else {
            own.release()
            close(end)
            throw .system(errno: result)
        }
        pthread_detach(thread)
    }

    private func run() {
        result = work()
        close(end)
    }
}

/// What a thread runs, without the type of its value.
private final class Runner {
    let run: () -> Void

    init(_ run: @escaping () -> Void) {
        self.run = run
    }
}
