import Glibc

/// Reads all that a repository of git has ever held, as far as anything still leads to it: branches,
/// tags, stashes, remotes, and what HEAD was before. Each object comes once, with the first commit
/// that has it.
struct GitHistory {
    /// An object that is read.
    struct Object: Equatable {
        /// The commit, or the tag.
        let commit: String
        /// The file; `nil` where it is a commit's or a tag's own text.
        let path: String?
    }

    /// So many objects are asked for at once: no more than any pipe holds.
    private static let batchLength = 60

    /// What a repository is not to bring about, whoever wrote its configuration: that git runs other
    /// programs, to fetch what is missing.
    private static let environment = [
        "GIT_ALLOW_PROTOCOL=none", "GIT_NO_LAZY_FETCH=1", "GIT_OPTIONAL_LOCKS=0",
        "GIT_TERMINAL_PROMPT=0", "LC_ALL=C",
    ]

    private let folder: String

    init(_ folder: String) {
        self.folder = folder
    }

    /// Hands over each object, and its contents piece by piece. Returns why that could not be done.
    func read(
        _ begin: (Object) -> Void,
        _ take: (UnsafeRawBufferPointer) -> Void
    ) -> String? {
        guard
            let list = git(
                "rev-list",
                "--objects",
                "--all",
                "--reflog",
                "--in-commit-order",
                "--topo-order",
                "--reverse"
            ),
            let contents = git("cat-file", "--batch", takesInput: true)
        else { return "git cannot be run: \(String(cString: strerror(errno)))" }
        let names = PieceReader(list.output)
        let objects = PieceReader(contents.output)
        var commit = ""
        while true {
            var batch: [(id: Substring, object: Object)] = []
            while batch.count < Self.batchLength, let line = names.line() {
                let parts = line.split(
                    separator: " ",
                    maxSplits: 1,
                    omittingEmptySubsequences: false
                )
                if parts.count == 1 { commit = line }
                let path = parts.count == 1 ? nil : String(parts[1])
                batch.append((parts[0], Object(commit: commit, path: path)))
            }
            guard !batch.isEmpty else { break }
            let request = batch.map { "\($0.id)\n" }.joined()
            guard let input = contents.input, Output.write(Array(request.utf8).span, to: input),
                batch.allSatisfy({ read($0.object, objects, begin, take) })
            else { return "git does not give its contents" }
        }
        return list.wait() && contents.wait() ? nil : "git could not read all of it"
    }

    private func git(_ arguments: String..., takesInput: Bool = false) -> ChildProcess? {
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
        _ begin: (Object) -> Void,
        _ take: (UnsafeRawBufferPointer) -> Void
    ) -> Bool {
        let words = reader.line()?.split(separator: " ") ?? []
        guard words.count == 3, let length = Int(words[2]) else { return words.last == "missing" }
        let isTree = words[1] == "tree"
        if !isTree {
            let isFile = words[1] == "blob"
            begin(isFile ? object : Object(commit: String(words[0]), path: nil))
        }
        return reader.read(length) { if !isTree { take($0) } } && reader.line() == ""
    }
}
