import Glibc

/// Walks through files and folders in the order of their names. Follows no link but the one it is given.
struct FolderWalk {
    /// What the walk meets.
    enum Entry: Equatable {
        case file(String)
        /// A folder that contains a git repository, or is one: a bare one, `.git`, a submodule's.
        case repository(String)
        /// What could not be read, and why.
        case unreadable(String, errno: Int32)
    }

    private var pending: [(path: String, isNamed: Bool)]

    init(_ path: String) {
        pending = [(path, true)]
    }

    /// The next file or repository; `nil` at the end.
    mutating func next() -> Entry? {
        while let (path, isNamed) = pending.popLast() {
            var status = stat()
            guard (isNamed ? stat(path, &status) : lstat(path, &status)) == 0 else {
                return .unreadable(path, errno: errno)
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: return .file(path)
            case S_IFDIR: if let entry = enter(path) { return entry }
            case _ where isNamed: return .file(path)
            default: break
            }
        }
        return nil
    }

    private mutating func enter(_ path: String) -> Entry? {
        guard let folder = opendir(path) else { return .unreadable(path, errno: errno) }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        // Git's objects are compressed: they are read through git.
        let isBare = Set(["HEAD", "objects", "refs"]).isSubset(of: names)
        if isBare { names.removeAll { $0 == "objects" } }
        pending += names.sorted(by: >).map { (path.file($0), false) }
        return isBare || names.contains(".git") ? .repository(path) : nil
    }
}
