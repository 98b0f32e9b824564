import Glibc
import Keyring

/// Whether library and module are there, and speak the same interface.
struct ArtefactExamination {
    /// Longest file that is looked at, in bytes.
    private static let lengthMax = 1 << 28

    private let configuration: Configuration
    private let interface: UInt32

    init(_ configuration: Configuration, interface: UInt32) {
        self.configuration = configuration
        self.interface = interface
    }

    var findings: [Finding] { [library] + [module] }

    private var library: Finding {
        let path = configuration.libraryFile ?? Self.installed("lib/latchkey/liblatchkey.so")
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

    /// The module cannot be loaded here: it needs nginx. Its file says which interface it has.
    private var module: Finding {
        let path = Self.installed("lib/nginx/modules/ngx_http_latchkey_module.so")
        guard access(path, F_OK) == 0 else {
            return .note("module", "\(path) is not there", "install it where nginx runs")
        }
        if let fault = danger("module", path) { return fault }
        guard let number = Self.markedInterface(path) else {
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
        return nil
    }

    /// A file that was installed with this executable.
    private static func installed(_ name: String) -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let bytes = buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: "/").dropLast(2)
        return "/" + (parts + [Substring(name)]).joined(separator: "/")
    }

    private static func markedInterface(_ path: String) -> UInt32? {
        let mark = Array("latchkey interface ".utf8)
        guard let contents = contents(path) else { return nil }
        return contents.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return nil }
            var next = 0
            while next + mark.count < bytes.count,
                let found = memchr(start + next, Int32(mark[0]), bytes.count - mark.count - next)
            {
                next = UnsafeRawPointer(found) - start + 1
                guard memcmp(found, mark, mark.count) == 0 else { continue }
                let digits = bytes[(next - 1 + mark.count)...].prefix { (0x30...0x39).contains($0) }
                return UInt32(String(decoding: digits, as: UTF8.self))
            }
            return nil
        }
    }

    private static func contents(_ path: String) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let length = lseek(descriptor, 0, SEEK_END)
        guard length > 0, length <= lengthMax else { return nil }
        var contents = [UInt8](repeating: 0, count: Int(length))
        return pread(descriptor, &contents, contents.count, 0) == length ? contents : nil
    }
}
