import Glibc

/// What accounts may do with a file, given the folders on its path.
struct PathRights {
    /// What the file is used for.
    enum Use: String {
        case reading = "read"
        case connecting = "connect to"

        fileprivate var mode: Int32 { self == .reading ? R_OK : W_OK }
    }

    private let path: String

    init(_ path: String) {
        self.path = path
    }

    /// What an account may not do, as the end of a sentence that begins with the account; `nil` if the
    /// account reaches the file, or if the process is not root.
    func obstacle(to use: Use, by account: Account) -> String? {
        let folders = folders
        let refused = account.act { () -> (act: String, path: String)? in
            if let folder = folders.first(where: { Self.isRefused($0, X_OK) }) {
                return ("enter", folder)
            }
            return Self.isRefused(path, use.mode) ? (use.rawValue, path) : nil
        }
        return refused.flatMap { $0 }.map { "may not \($0.act) \($0.path)\(Self.rights($0.path))" }
    }

    /// The first folder on the path in which accounts other than root and the caller can replace files.
    ///
    /// - Parameter owner: An account that may, too.
    func folderOfOthers(trusting owner: uid_t? = nil) -> String? {
        folders.first { folder in
            var status = stat()
            guard stat(folder, &status) == 0 else { return false }
            let isOpen =
                status.st_mode & S_IWOTH != 0
                || status.st_mode & S_IWGRP != 0 && ![0, getgid()].contains(status.st_gid)
            return ![0, getuid(), owner ?? 0].contains(status.st_uid)
                || isOpen && status.st_mode & S_ISVTX == 0
        }
    }

    /// From the root down: the folders that the path names, then those that links lead to.
    private var folders: [String] {
        var ways = [path]
        if let real = realpath(path, nil) {
            ways.append(String(cString: real))
            free(real)
        }
        return ways.flatMap { way in
            var folder = ""
            return ["/"]
                + way.split(separator: "/").dropLast().map { name in
                    folder += "/" + name
                    return folder
                }
        }
    }

    private static func isRefused(_ path: String, _ mode: Int32) -> Bool {
        faccessat(AT_FDCWD, path, mode, AT_EACCESS) != 0 && errno == EACCES
    }

    private static func rights(_ path: String) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else { return "" }
        let user = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) }
        let group = getgrgid(status.st_gid).map { String(cString: $0.pointee.gr_name) }
        let mode = String(status.st_mode & 0o7777, radix: 8)
        return " (mode \(mode), \(user ?? "\(status.st_uid)"):\(group ?? "\(status.st_gid)"))"
    }
}
