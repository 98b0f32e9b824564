import CLibssl
import Keyring

/// A private key of OpenSSL, wiped on release.
final class PrivateKey {
    let pointer: OpaquePointer

    /// Reads a key in PEM from a file that only its owner and group may access.
    ///
    /// - Throws: An error if the file cannot be used.
    init(file: String) throws(AdministrationError) {
        guard let pointer = try translatingSecretFault(try Self.read(file)) else {
            throw StoreTLS.error(file, "must contain a private key in PEM, without a password")
        }
        self.pointer = pointer
    }

    private static func read(_ file: String) throws(SecretFault) -> OpaquePointer? {
        let contents = try Secrets.storeKeyContents(file)
        return contents.withSpan { span in
            span.withUnsafeBytes { bytes in
                let memory = BIO_new_mem_buf(bytes.baseAddress, Int32(bytes.count))
                defer { BIO_free(memory) }
                // Without a function of its own OpenSSL would ask for a password on the terminal.
                return PEM_read_bio_PrivateKey(memory, nil, { _, _, _, _ in -1 }, nil)
            }
        }
    }

    deinit {
        EVP_PKEY_free(pointer)
    }
}
