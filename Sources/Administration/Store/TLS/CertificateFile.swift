import CLibssl
import Glibc
import Keyring

/// A file of certificates in PEM.
enum CertificateFile {
    /// The certificates in the file, in its order; at least one. Anything else between them is skipped.
    ///
    /// - Throws: An error if there is none, or one is malformed.
    static func read(_ path: String) throws(AdministrationError) -> CertificateList {
        errno = 0
        guard let file = BIO_new_file(path, "r") else { throw unreadable(path, errno) }
        defer { BIO_free(file) }
        ERR_clear_error()
        var pointers: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(file, nil, nil, nil) {
            pointers.append(certificate)
        }
        let isEnd = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE
        guard let list = CertificateList(pointers), isEnd else {
            throw StoreTLS.error(path, isEnd ? "holds no certificate in PEM" : "is damaged")
        }
        return list
    }

    private static func unreadable(_ path: String, _ number: Int32) -> AdministrationError {
        let reason = StoreTLS.error(path, "cannot be read: \(String(cString: strerror(number)))")
        return number == EACCES ? AdministrationError(.notPermitted, reason.message) : reason
    }
}
