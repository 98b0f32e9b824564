import Glibc

/// All that a git repository remembers, read by way of git.
struct GitObjects {
    private static let pieceLength = 1 << 20

    private let repository: String

    init(_ repository: String) {
        self.repository = repository
    }

    /// Hands over each object's contents in pieces. Trees are left out: they hold names alone.
    func forEachPiece(_ body: (String, ArraySlice<UInt8>, inout PieceWiseText) -> Void)
        throws(AdministrationError)
    {
        let git = try ChildProcess([
            "git", "-C", repository, "cat-file", "--batch-all-objects", "--batch", "--buffer",
        ])
        var input = git.reader
        while let header = input.line() {
            let words = header.split(separator: UInt8(ascii: " "))
            guard words.count == 3, let size = Int(String(decoding: words[2], as: UTF8.self)) else {
                throw AdministrationError(.data, "\(repository): git answers with something else")
            }
            let isTree = words[1].elementsEqual("tree".utf8)
            let name = String(decoding: words[0], as: UTF8.self)
            var text = PieceWiseText()
            var rest = size
            while rest > 0, let piece = input.bytes(atMost: min(rest, Self.pieceLength)) {
                if !isTree { body(name, piece, &text) }
                rest -= piece.count
            }
            _ = input.line()
        }
        guard git.end() == 0 else {
            throw AdministrationError(.data, "\(repository) cannot be read by git")
        }
    }

    /// A commit that brings an object or takes it away, and the object's name there.
    func place(of object: String) -> (commit: String, path: String)? {
        let words = [
            "git", "-C", repository, "-c", "core.quotePath=false", "log", "--all", "-n", "1",
            "--find-object=\(object)", "--format=%H", "--name-only", "--no-renames",
        ]
        guard let git = try? ChildProcess(words) else { return nil }
        var input = git.reader
        var lines: [String] = []
        while let line = input.line() {
            if !line.isEmpty { lines.append(String(decoding: line, as: UTF8.self)) }
        }
        guard git.end() == 0, lines.count >= 2 else { return nil }
        return (lines[0], lines[1])
    }
}

/// Another program, whose standard output is read.
struct ChildProcess {
    private let process: pid_t
    private let descriptor: Int32

    init(_ arguments: [String]) throws(AdministrationError) {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw Self.fault(arguments, errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        var pointers = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var process: pid_t = 0
        let result = posix_spawnp(&process, arguments[0], &actions, nil, &pointers, environ)
        close(ends[1])
        guard result == 0 else {
            close(ends[0])
            throw Self.fault(arguments, result)
        }
        self.process = process
        descriptor = ends[0]
    }

    private static func fault(_ arguments: [String], _ number: Int32) -> AdministrationError {
        let reason = String(cString: strerror(number))
        return AdministrationError(.data, "\(arguments[0]) cannot be run: \(reason)")
    }

    var reader: DescriptorReader { DescriptorReader(descriptor) }

    /// Waits for its end; returns its exit code.
    func end() -> Int32 {
        close(descriptor)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
    }
}

/// Reads lines and bytes from a descriptor.
struct DescriptorReader {
    private let descriptor: Int32
    private var buffer: ArraySlice<UInt8> = []

    init(_ descriptor: Int32) {
        self.descriptor = descriptor
    }

    /// The next line without its end; `nil` at the end.
    mutating func line() -> ArraySlice<UInt8>? {
        var line: [UInt8] = []
        while fill() {
            guard let end = buffer.firstIndex(of: UInt8(ascii: "\n")) else {
                line += buffer
                buffer = []
                continue
            }
            line += buffer[..<end]
            buffer = buffer[(end + 1)...]
            return line[...]
        }
        return line.isEmpty ? nil : line[...]
    }

    /// The next bytes; `nil` at the end.
    mutating func bytes(atMost count: Int) -> ArraySlice<UInt8>? {
        guard fill() else { return nil }
        let piece = buffer.prefix(count)
        buffer = buffer.dropFirst(piece.count)
        return piece
    }

    private mutating func fill() -> Bool {
        guard buffer.isEmpty else { return true }
        var bytes = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            buffer = bytes.prefix(max(0, count))
            return count > 0
        }
    }
}
