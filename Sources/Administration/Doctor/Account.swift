import Glibc

/// An account of this host, whose permissions can be tried.
struct Account {
    let name: String
    private let user: uid_t
    private let group: gid_t

    /// `nil` if there is no such account or group.
    ///
    /// - Parameter group: The group it acts with; `nil` for its own.
    init?(_ name: String, group: String? = nil) {
        guard let entry = getpwnam(name)?.pointee else { return nil }
        self.name = name
        user = entry.pw_uid
        guard let group else {
            self.group = entry.pw_gid
            return
        }
        guard let entry = getgrnam(group)?.pointee else { return nil }
        self.group = entry.gr_gid
    }

    /// Runs `body` with the permissions of this account, as the kernel judges them: modes, groups and
    /// access lists. `nil` unless the process is root.
    func act<Result>(_ body: () -> Result) -> Result? {
        let group = getegid()
        var groups = [gid_t](repeating: 0, count: Int(max(0, getgroups(0, nil))))
        guard geteuid() == 0, getgroups(Int32(groups.count), &groups) == groups.count
        else { return nil }
        defer {
            guard seteuid(0) == 0, setegid(group) == 0, setgroups(groups.count, groups) == 0
            else { fatalError("root's rights are lost") }
        }
        guard initgroups(name, self.group) == 0, setegid(self.group) == 0, seteuid(user) == 0
        else { return nil }
        return body()
    }
}
