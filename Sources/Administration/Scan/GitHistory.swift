import Glibc

/// Reads everything that a git repository still reaches: branches, tags, notes, stashes, remotes, the
/// reflog, and the index, including those of other work trees. Each object is read once, with the first
/// commit that contains it.
struct GitHistory {
    /// An object of the repository.
    struct Object: Equatable {
        /// The commit, or the object itself if it is not in a commit; `nil` in the index.
        let commit: String?
        /// The file; `nil` for the text of a commit or a tag.
        let path: String?
    }

    private static let history = [
        "--objects", "--all", "--reflog", "--in-commit-order", "--topo-order", "--reverse",
    ]

    /// Staged files. Listed with the history, they would seem to belong to commits.
    private static let index = ["--objects", "--indexed-objects", "--not", "--all", "--reflog"]

    /// Number of objects that are requested at once; their names fit in any pipe.
    private static let batchLength = 60

    /// Keeps a repository's configuration from making git run other programs to fetch what is missing.
    private static let environment = [
        "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
        "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
        // The work tree of a submodule may be gone.
        "GIT_WORK_TREE=.",
    ]

    private let folder: String

    init(_ folder: String) {
        self.folder = folder
    }

    /// The folder that the repository shares with its other work trees; `nil` if git does not say.
    var identity: String? {
        guard
            let git = git("rev-parse", "--path-format=absolute", "--git-common-dir"),
            let folder = PieceReader(git.output).line(), git.wait()
        else { return nil }
        return folder
    }

    /// Calls `onObject` for each object, then `onContents` for its contents, piece by piece.
    ///
    /// - Returns: Why the history could not be read; `nil` on success.
    func read(
        _ onObject: (Object) -> Void,
        _ onContents: (UnsafeRawBufferPointer) -> Void
    ) -> String? {
        read(Self.history, onObject, onContents)
            ?? read(Self.index, { onObject(Object(commit: nil, path: $0.path)) }, onContents)
    }

    private func read(
        _ range: [String],
        _ onObject: (Object) -> Void,
        _ onContents: (UnsafeRawBufferPointer) -> Void
    ) -> String? {
        guard let list = git(["rev-list"] + range),
            let contents = git("cat-file", "--batch", takesInput: true)
        else { return "git cannot be run: \(String(cString: strerror(errno)))" }
        let names = PieceReader(list.output)
        let objects = PieceReader(contents.output)
        var commit = ""
        while true {
            var batch: [(id: Substring, object: Object)] = []
            while batch.count < Self.batchLength, let line = names.line() {
                let parts = line.split(separator: " ", maxSplits: 1)
                if line == parts[0] { commit = line }
                let path = parts.count == 1 ? nil : String(parts[1])
                batch.append((parts[0], Object(commit: commit, path: path)))
            }
            guard !batch.isEmpty else { break }
            let request = batch.map { "\($0.id)\n" }.joined()
            guard let input = contents.input, Output.write(Array(request.utf8).span, to: input),
                batch.allSatisfy({ read($0.object, objects, onObject, onContents) })
            else { return "git does not return its contents" }
        }
        return list.wait() && contents.wait() ? nil : "git could not read all of it"
    }

    private func git(_ arguments: String..., takesInput: Bool = false) -> ChildProcess? {
        git(arguments, takesInput: takesInput)
    }

    private func git(_ arguments: [String], takesInput: Bool = false) -> ChildProcess? {
        ChildProcess(
            ["git", "-C", folder, "--no-replace-objects"] + arguments,
            takesInput: takesInput,
            removing: "GIT_",
            adding: Self.environment
        )
    }

    /// Reads `<id> <type> <length>`, the contents and a newline. Trees are skipped.
    private func read(
        _ object: Object,
        _ reader: PieceReader,
        _ onObject: (Object) -> Void,
        _ onContents: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        let words = reader.line()?.split(separator: " ") ?? []
        guard words.count == 3, let length = Int(words[2]) else { return words.last == "missing" }
        let isTree = words[1] == "tree"
        if !isTree {
            let isFile = words[1] == "blob" && object.path != nil
            onObject(isFile ? object : Object(commit: String(words[0]), path: nil))
        }
        return reader.read(length) { if !isTree { onContents($0) } } && reader.line() == ""
    }
}
