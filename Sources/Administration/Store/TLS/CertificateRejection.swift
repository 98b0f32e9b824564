import CLibssl

/// Why OpenSSL rejected a certificate of the store's chain.
struct CertificateRejection {
    /// The error of its verification.
    let error: Int32

    /// Whether it is the certificate of an authority.
    let isAuthority: Bool

    let certificate: Certificate

    /// What is wrong, with the store as the subject.
    ///
    /// - Parameter name: The name or address that was asked for.
    func reason(_ name: String) -> String {
        let which = isAuthority ? "the certificate of its authority" : "its certificate"
        return switch error {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            "\(which) is not for \(name), but for \(certificate.names)"
        case X509_V_ERR_CERT_HAS_EXPIRED: "\(which) has expired"
        case X509_V_ERR_CERT_NOT_YET_VALID: "\(which) is not valid yet: compare the clocks"
        case X509_V_ERR_INVALID_PURPOSE: "\(which) is not for servers"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            "no trusted authority has issued its certificate: latchkey_store_tls ca=FILE names whom to trust"
        default: "\(which) is rejected: \(words)"
        }
    }

    private var words: String { String(cString: X509_verify_cert_error_string(Int(error))) }
}
