import Glibc
import RedisClient

/// Whether the console answers, and who can ask it: where a header says who asks, whoever can connect is
/// believed.
struct ConsoleSocketCheck {
    /// How long to wait for an answer, in milliseconds: the console itself waits for the store.
    private static let patience: UInt64 = 10_000

    private let console: ConsoleInstallation
    private let workers: Account?

    init(_ console: ConsoleInstallation, workers: Account?) {
        self.console = console
        self.workers = workers
    }

    var findings: [Finding] {
        guard case .unix(let path) = console.endpoint else { return [answer] }
        var status = stat()
        guard stat(path, &status) == 0 else { return [missing(path, errno)] }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            return [
                .fault(
                    "console.socket",
                    "\(path) is not a socket",
                    "remove it, and restart the console"
                )
            ]
        }
        let faults = [rights(path, status), folder(path, status), proxy(path)].compactMap { $0 }
        let socket = faults.isEmpty ? [Finding.ok("console.socket", callers(path, status))] : faults
        return socket + [answer]
    }

    private func missing(_ path: String, _ number: Int32) -> Finding {
        number == EACCES
            ? .note("console.socket", "\(path) cannot be examined", "run latchkey doctor as root")
            : .fault(
                "console.socket",
                "\(path) does not exist: the console is not running",
                "systemctl enable --now latchkey-console; why it ended: journalctl -u latchkey-console"
            )
    }

    private func rights(_ path: String, _ status: stat) -> Finding? {
        guard status.st_mode & S_IRWXO != 0 else { return nil }
        return .fault(
            "console.socket",
            "every account can connect to \(path)\(power)",
            "chmod o= \(path); the unit says UMask=0117"
        )
    }

    private func folder(_ path: String, _ status: stat) -> Finding? {
        PathRights(path).folderOfOthers(trusting: status.st_uid).map { folder in
            .fault(
                "console.socket",
                "other accounts can write to \(folder), and take the place of the console",
                "systemd-tmpfiles --create; or chmod go-w \(folder)"
            )
        }
    }

    private func proxy(_ path: String) -> Finding? {
        guard let workers else { return nil }
        return PathRights(path).obstacle(to: .connecting, by: workers).map { obstacle in
            .fault(
                "console.socket",
                "nginx cannot reach the console: \(workers.name) \(obstacle)",
                "let the folder of the socket have the group of nginx's workers, and the mode 2750"
            )
        }
    }

    /// What whoever can connect may do.
    private var power: String {
        console.believesHeader ? ", and act as any owner" : ""
    }

    private func callers(_ path: String, _ status: stat) -> String {
        guard status.st_mode & S_IWGRP != 0, let group = getgrgid(status.st_gid)?.pointee else {
            return "\(path) is for its owner alone"
        }
        let name = String(cString: group.gr_name)
        let members = GroupMembers(status.st_gid).names.joined(separator: ", ")
        return
            "the group \(name) (\(members.isEmpty ? "nobody" : members)) can connect to \(path)\(power)"
    }

    private var answer: Finding {
        do throws(TransportFailure) {
            switch try ConsoleProbe(endpoint: console.endpoint).status(within: Self.patience) {
            case 204?: return .ok("console.answer", "the console answers, and reaches the store")
            case 503?:
                return .fault(
                    "console.answer",
                    "the console answers, but does not reach the store",
                    "see its log: journalctl -u latchkey-console"
                )
            default:
                return .fault(
                    "console.answer",
                    "what answers at \(console.endpoint) is not the console",
                    "find out which program listens there: ss -xlp, ss -tlp"
                )
            }
        } catch {
            return .fault(
                "console.answer",
                "the console does not answer at \(console.endpoint): \(error)",
                "systemctl restart latchkey-console"
            )
        }
    }
}

/// The accounts of a group: those that it lists, and those whose own it is.
struct GroupMembers {
    let names: [String]

    init(_ group: gid_t) {
        var names: Set<String> = []
        if var next = getgrgid(group)?.pointee.gr_mem {
            while let name = next.pointee {
                names.insert(String(cString: name))
                next += 1
            }
        }
        setpwent()
        while let entry = getpwent()?.pointee {
            if entry.pw_gid == group { names.insert(String(cString: entry.pw_name)) }
        }
        endpwent()
        self.names = names.sorted()
    }
}
