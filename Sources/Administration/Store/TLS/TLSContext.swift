import CLibssl
import Keyring
import RedisClient

/// What all TLS connections to the store share: whom they trust, and how this side proves itself.
final class TLSContext {
    /// OpenSSL's `SSL_CTX`.
    let pointer: OpaquePointer

    private let settings: StoreTLS

    /// What the configuration says; `nil` for a store without TLS.
    ///
    /// - Throws: An error if a file cannot be used.
    convenience init?(_ configuration: Configuration) throws(AdministrationError) {
        guard let settings = configuration.tls else { return nil }
        try self.init(settings)
    }

    /// Reads the files that the settings name.
    ///
    /// - Throws: An error if a file cannot be used.
    init(_ settings: StoreTLS) throws(AdministrationError) {
        // OpenSSL must not clean up at exit: a ``BackgroundTask`` that was left alone may still use it.
        OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_ATEXIT), nil)
        guard let pointer = SSL_CTX_new(TLS_client_method()) else { throw Self.unusable }
        self.pointer = pointer
        self.settings = settings
        let oldest = Int(TLS1_2_VERSION)
        guard SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MIN_PROTO_VERSION, oldest, nil) == 1 else {
            throw Self.unusable
        }
        try trust(settings.caFile)
        if let certificate = settings.certificateFile, let key = settings.keyFile {
            try present(certificate, key)
        }
    }

    deinit {
        SSL_CTX_free(pointer)
    }

    private static var unusable: AdministrationError {
        AdministrationError(.configuration, "TLS cannot be used: \(TLSReason.last)")
    }

    /// The host name or IP address that the certificate of a server must be for.
    func name(of endpoint: Endpoint) -> String { settings.name(of: endpoint) }

    /// Whether this side has a certificate to present.
    var hasCertificate: Bool { settings.certificateFile != nil }

    /// - Parameter file: The trusted authorities; `nil` for the system's.
    private func trust(_ file: String?) throws(AdministrationError) {
        guard let file else {
            SSL_CTX_set_default_verify_paths(pointer)
            return
        }
        try CertificateFile.read(file).beTrusted(in: pointer)
    }

    /// - Parameters:
    ///   - certificate: The file of the certificate, followed by those of its issuers.
    ///   - key: The file of its private key.
    private func present(_ certificate: String, _ key: String) throws(AdministrationError) {
        let chain = try CertificateFile.read(certificate)
        let privateKey = try PrivateKey(file: key)
        guard chain.certifies(privateKey) else {
            throw StoreTLS.error(key, "is not the key of the certificate in \(certificate)")
        }
        guard chain.bePresented(with: privateKey, in: pointer) else {
            throw StoreTLS.error(certificate, "OpenSSL refuses: \(TLSReason.last)")
        }
    }
}

extension StoreTLS {
    /// The error for a file that cannot be used.
    ///
    /// - Parameter predicate: What is wrong, as the predicate of a sentence whose subject is the path.
    static func error(_ path: String, _ predicate: String) -> AdministrationError {
        AdministrationError(.configuration, "\(directive) names \(path), which \(predicate)")
    }
}
