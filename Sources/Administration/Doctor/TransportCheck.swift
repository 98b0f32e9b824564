import Glibc
import Keyring
import RedisClient

/// Whether what both programs exchange with the store is protected, and the files for that can be used.
struct TransportCheck {
    private let configuration: Configuration

    init(_ configuration: Configuration) {
        self.configuration = configuration
    }

    var findings: [Finding] {
        guard let tls = configuration.tls else { return [plaintext].compactMap { $0 } }
        do throws(AdministrationError) {
            _ = try TLSContext(tls)
            return [trust(tls), try own(tls)].compactMap { $0 }
        } catch {
            return [
                .fault(
                    "tls.files",
                    error.message,
                    error.kind == .notPermitted
                        ? "run latchkey doctor as root"
                        : "correct the file, or name another with latchkey_store_tls"
                )
            ]
        }
    }

    private var plaintext: Finding? {
        let hosts = configuration.topology.endpoints.lazy.compactMap { endpoint -> String? in
            guard case .tcp(let host, _) = endpoint, !Self.isLoopback(host) else { return nil }
            return host
        }
        guard let host = hosts.first else { return nil }
        let scheme =
            switch configuration.topology {
            case .standalone: "rediss"
            case .sentinel: "sentinels"
            case .cluster: "clusters"
            }
        return .note(
            "store.plaintext",
            "passwords and records cross the network to \(host) unencrypted, and nothing proves that it is "
                + "the store",
            "use \(scheme):// and latchkey_store_tls: docs/EXECUTABLE.md"
        )
    }

    /// Whether a host is this one, as far as its name or address says so.
    static func isLoopback(_ host: String) -> Bool {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 { return four.s_addr.bigEndian >> 24 == 127 }
        var six = in6_addr()
        if inet_pton(AF_INET6, host, &six) == 1 {
            return withUnsafeBytes(of: &six) { bytes in
                bytes.last == 1 && bytes.dropLast().allSatisfy { $0 == 0 }
            }
        }
        return host.lowercased() == "localhost"
    }

    private func trust(_ tls: StoreTLS) -> Finding {
        guard let file = tls.caFile else {
            return .ok("tls.ca", "the system's authorities are trusted")
        }
        var status = stat()
        guard stat(file, &status) == 0, status.st_mode & S_IWOTH == 0 else {
            return .fault(
                "tls.ca",
                "every account can write to \(file), and so have any server trusted",
                "chmod o-w \(file)"
            )
        }
        return .ok("tls.ca", "the authorities in \(file) are trusted")
    }

    /// The certificate of this side.
    private func own(_ tls: StoreTLS) throws(AdministrationError) -> Finding? {
        guard let file = tls.certificateFile else { return nil }
        let certificate = try CertificateFile.read(file).first
        return CertificateCheck.finding("tls.certificate", "the client certificate", certificate)
    }
}
