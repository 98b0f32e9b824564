import Glibc
import Keyring

/// Whether the library and the module are installed, and have the same interface.
struct InstallationCheck {
    private let libraryFile: String
    private let installedModule: InstalledModule
    private let interface: UInt32

    init(library: String, _ module: InstalledModule, interface: UInt32) {
        libraryFile = library
        installedModule = module
        self.interface = interface
    }

    var findings: [Finding] { [library] + [module] }

    private var library: Finding {
        let path = libraryFile
        if let fault = danger("library", path) { return fault }
        guard let handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "the reason is unknown"
            return .fault("library", "\(path) cannot be loaded: \(reason)", "make install")
        }
        defer { dlclose(handle) }
        guard let symbol = dlsym(handle, "latchkey_abi_version") else {
            return .fault("library", "\(path) is not a Latchkey library", "make install")
        }
        typealias Function = @convention(c) () -> UInt32
        return finding("library", path, unsafeBitCast(symbol, to: Function.self)())
    }

    private var module: Finding {
        let path = InstalledModule.path
        guard access(path, F_OK) == 0 else {
            return .note("module", "\(path) does not exist", "install it on hosts that run nginx")
        }
        if let fault = danger("module", path) { return fault }
        guard let number = installedModule.interface else {
            return .fault("module", "\(path) is not a module of this release", "make install")
        }
        return finding("module", path, number)
    }

    private func finding(_ check: String, _ path: String, _ number: UInt32) -> Finding {
        number == interface
            ? .ok(check, "\(path) has interface \(number)")
            : .fault(
                check,
                "\(path) has interface \(number), this release has \(interface)",
                "install the executable, library and module of the same release"
            )
    }

    /// A file that other accounts can write must not be loaded, here or by nginx.
    private func danger(_ check: String, _ path: String) -> Finding? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return .fault(
                check,
                "\(path) cannot be examined: \(String(cString: strerror(errno)))",
                "make install, or name it with latchkey_\(check)"
            )
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0, [0, getuid()].contains(status.st_uid)
        else {
            return .fault(
                check,
                "other accounts can write to \(path), which nginx loads as root",
                "chown root, chmod 0755"
            )
        }
        return PathRights(path).folderOfOthers().map { folder in
            .fault(
                check,
                "other accounts can write to \(folder) and replace the \(check), which nginx loads "
                    + "as root",
                "chown root:root \(folder), chmod go-w \(folder)"
            )
        }
    }
}
