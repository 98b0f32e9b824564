import Glibc

/// A child process with a pipe from its output, and optionally one to its input.
final class ChildProcess {
    /// Reads what the process writes.
    let output: Int32
    /// Writes what the process reads; `nil` if its input is /dev/null.
    private(set) var input: Int32?

    private let id: pid_t
    private var isOver = false

    /// Starts a program, found in `PATH`; `nil` on failure, with the reason in `errno`.
    ///
    /// - Parameters:
    ///   - removed: A prefix: variables whose names begin with it are left out of the environment.
    ///   - added: Variables that are added to it.
    ///   - showsErrors: Whether its errors are part of its output.
    init?(
        _ arguments: [String],
        takesInput: Bool,
        removing removed: String? = nil,
        adding added: [String] = [],
        showsErrors: Bool = false
    ) {
        guard let (reading, output) = Self.pipe() else { return nil }
        defer { close(output) }
        let inputs = takesInput ? Self.pipe() : nil
        defer { if let inputs { close(inputs.reading) } }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        if showsErrors { posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO) }
        if let inputs {
            posix_spawn_file_actions_adddup2(&actions, inputs.reading, STDIN_FILENO)
        } else {
            posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        }
        var id: pid_t = 0
        let environment =
            Self.environment.filter { variable in
                removed.map { !variable.hasPrefix($0) } ?? true
            } + added
        let result = Self.withPointers(arguments) { arguments in
            Self.withPointers(environment) { environment in
                posix_spawnp(&id, arguments[0]!, &actions, nil, arguments, environment)
            }
        }
        guard result == 0 else {
            close(reading)
            if let inputs { close(inputs.writing) }
            errno = result
            return nil
        }
        self.id = id
        self.output = reading
        input = inputs?.writing
    }

    deinit {
        _ = wait()
    }

    /// Closes both pipes, and waits for the process to end. Returns whether it succeeded.
    func wait() -> Bool {
        guard !isOver else { return false }
        isOver = true
        if let input { close(input) }
        close(output)
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 { guard errno == EINTR else { return false } }
        return status == 0
    }

    private static func pipe() -> (reading: Int32, writing: Int32)? {
        var ends: [Int32] = [0, 0]
        guard Glibc.pipe(&ends) == 0 else { return nil }
        // The child gets copies; these descriptors stay here.
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    private static var environment: [String] {
        var texts: [String] = []
        var next = environ
        while let text = next.pointee {
            texts.append(String(cString: text))
            next += 1
        }
        return texts
    }

    private static func withPointers<Result>(
        _ texts: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let pointers = texts.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers + [nil])
    }
}
