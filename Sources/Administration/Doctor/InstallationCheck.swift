import Glibc
import Keyring

/// Whether library and module are there, and speak the same interface.
struct InstallationCheck {
    private let configuration: Configuration
    private let installedModule: InstalledModule
    private let interface: UInt32

    init(_ configuration: Configuration, _ module: InstalledModule, interface: UInt32) {
        self.configuration = configuration
        installedModule = module
        self.interface = interface
    }

    var findings: [Finding] { [library] + [module] }

    private var library: Finding {
        let path = InstalledModule.library(configuration)
        if let fault = danger("library", path) { return fault }
        guard let handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "it is not known why"
            return .fault("library", "it cannot be loaded: \(reason)", "make install")
        }
        defer { dlclose(handle) }
        guard let symbol = dlsym(handle, "latchkey_abi_version") else {
            return .fault("library", "\(path) is no library of Latchkey", "make install")
        }
        typealias Function = @convention(c) () -> UInt32
        return finding("library", path, unsafeBitCast(symbol, to: Function.self)())
    }

    private var module: Finding {
        let path = InstalledModule.path
        guard access(path, F_OK) == 0 else {
            return .note("module", "\(path) is not there", "install it where nginx runs")
        }
        if let fault = danger("module", path) { return fault }
        guard let number = installedModule.interface else {
            return .fault("module", "\(path) is no module of this release", "make install")
        }
        return finding("module", path, number)
    }

    private func finding(_ check: String, _ path: String, _ number: UInt32) -> Finding {
        number == interface
            ? .ok(check, "\(path) has interface \(number)")
            : .fault(
                check,
                "\(path) has interface \(number), this release \(interface)",
                "install executable, library and module of one release"
            )
    }

    /// What others may write must not be loaded, by nginx neither.
    private func danger(_ check: String, _ path: String) -> Finding? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            return .fault(
                check,
                "\(path) cannot be looked at: \(String(cString: strerror(errno)))",
                "make install, or name it with latchkey_\(check)"
            )
        }
        guard status.st_mode & (S_IWGRP | S_IWOTH) == 0, [0, getuid()].contains(status.st_uid)
        else {
            return .fault(
                check,
                "others may write to \(path), which nginx loads as root",
                "chown root, chmod 0755"
            )
        }
        return PathRights(path).folderOfOthers.map { folder in
            .fault(
                check,
                "others may write to \(folder), and put another \(check) there, which nginx loads "
                    + "as root",
                "chown root:root \(folder), chmod go-w \(folder)"
            )
        }
    }
}
