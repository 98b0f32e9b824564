import CLibssl

/// Certificates of OpenSSL, at least one.
final class CertificateList {
    /// Valid as long as the list: they are used in its methods alone.
    private let pointers: [OpaquePointer]

    /// Takes the certificates over; `nil` if there is none.
    init?(_ pointers: [OpaquePointer]) {
        self.pointers = pointers
        if pointers.isEmpty { return nil }
    }

    deinit {
        for pointer in pointers { X509_free(pointer) }
    }

    /// What the first certificate says.
    var first: Certificate { Certificate(pointers[0]) }

    /// Whether a key is that of the first certificate.
    func certifies(_ key: PrivateKey) -> Bool {
        X509_check_private_key(pointers[0], key.pointer) == 1
    }

    /// Makes all of them trusted authorities of an `SSL_CTX`.
    func beTrusted(in context: OpaquePointer) {
        for pointer in pointers {
            X509_STORE_add_cert(SSL_CTX_get_cert_store(context), pointer)
        }
    }

    /// Makes an `SSL_CTX` present the first, followed by the others. Returns whether OpenSSL agrees.
    func bePresented(with key: PrivateKey, in context: OpaquePointer) -> Bool {
        SSL_CTX_use_certificate(context, pointers[0]) == 1
            && SSL_CTX_use_PrivateKey(context, key.pointer) == 1
            && pointers.dropFirst().allSatisfy {
                SSL_CTX_ctrl(context, SSL_CTRL_CHAIN_CERT, 1, UnsafeMutableRawPointer($0)) == 1
            }
    }
}
