import Glibc

/// Reads all that a repository of git has ever held, as far as anything still leads to it: branches,
/// tags, notes, stashes, remotes, what HEAD was before, and the index, of other work trees as well.
/// Each object comes once, with the first commit that has it.
struct GitHistory {
    /// An object that is read.
    struct Object: Equatable {
        /// The commit, or the object itself where no commit has it; `nil` in the index.
        let commit: String?
        /// The file; `nil` where it is a commit's or a tag's own text.
        let path: String?
    }

    private static let history = [
        "--objects", "--all", "--reflog", "--in-commit-order", "--topo-order", "--reverse",
    ]

    /// What is staged. Were it listed with the history, commits would seem to have it.
    private static let index = ["--objects", "--indexed-objects", "--not", "--all", "--reflog"]

    /// So many objects are asked for at once: no more than any pipe holds.
    private static let batchLength = 60

    /// What a repository is not to bring about, whoever wrote its configuration: that git runs other
    /// programs, to fetch what is missing.
    private static let environment = [
        "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
        "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
        // Nor does it look for a work tree: that of a submodule may be gone.
        "GIT_WORK_TREE=.",
    ]

    private let folder: String

    init(_ folder: String) {
        self.folder = folder
    }

    /// Names what the repository shares with its other work trees; `nil` where git does not say.
    var identity: String? {
        guard
            let git = git("rev-parse", "--path-format=absolute", "--git-common-dir"),
            let folder = PieceReader(git.output).line(), git.wait()
        else { return nil }
        return folder
    }

    /// Hands over each object, and its contents piece by piece. Returns why that could not be done.
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

    /// Reads `<id> <type> <length>`, the contents and the end of a line. Trees are passed over.
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
