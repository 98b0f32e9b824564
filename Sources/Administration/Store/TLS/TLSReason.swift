import CLibssl

/// Puts into words why OpenSSL ended a connection.
enum TLSReason {
    /// OpenSSL's own words for its last error.
    static var last: String {
        ERR_reason_error_string(ERR_peek_last_error()).map { String(cString: $0) }
            ?? "the reason is unknown"
    }

    /// What is wrong with a handshake or connection, with the store as the subject, from OpenSSL's last error.
    ///
    /// - Parameter hasCertificate: Whether this side had a certificate to present.
    static func ofConnection(hasCertificate: Bool) -> String {
        let number = ERR_GET_REASON(ERR_peek_last_error())
        return switch number {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_BAD_RECORD_TYPE:
            "it does not speak TLS: use redis://, sentinel:// or cluster:// for a port without TLS"
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            "it offers neither TLS 1.2 nor TLS 1.3"
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            "it requires a client certificate: latchkey_store_tls certificate=FILE key=FILE"
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE where !hasCertificate:
            "it refuses the TLS handshake: it may require a client certificate, or share no cipher"
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA, SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
            SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
            SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
            "it refuses the client certificate: \(last)"
        default: "TLS failed: \(last)"
        }
    }
}
