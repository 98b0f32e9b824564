import CLibssl
import Glibc
import Keyring
import RedisClient

/// What an X.509 certificate says.
struct Certificate: Equatable {
    /// The names that it is for, or its subject's: `DNS:db.example.com, IP Address:10.0.0.7`, `CN=ca`.
    let names: String

    let endsAt: UnixTime
}

extension Certificate {
    /// Reads a certificate of OpenSSL, which stays the caller's.
    init(_ certificate: OpaquePointer) {
        self.init(
            names: Self.alternativeNames(certificate) ?? Self.subject(certificate),
            endsAt: Self.time(X509_get0_notAfter(certificate))
        )
    }

    private static func alternativeNames(_ certificate: OpaquePointer) -> String? {
        let index = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1)
        guard index >= 0 else { return nil }
        return text { X509V3_EXT_print($0, X509_get_ext(certificate, index), 0, 0) }
    }

    private static func subject(_ certificate: OpaquePointer) -> String {
        text {
            X509_NAME_print_ex($0, X509_get_subject_name(certificate), 0, UInt(XN_FLAG_COMPAT))
        }
    }

    /// What OpenSSL prints, without control characters.
    private static func text(_ print: (OpaquePointer?) -> Int32) -> String {
        let memory = BIO_new(BIO_s_mem())
        defer { BIO_free(memory) }
        var text = [UInt8](repeating: 0, count: 1024)
        guard print(memory) > 0, case let count = BIO_read(memory, &text, Int32(text.count)),
            count > 0
        else { return "" }
        return RedisError.printable(text[..<Int(count)])
    }

    /// The beginning of 1970 for a time that cannot be read.
    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> UnixTime {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return UnixTime(milliseconds: 0) }
        return UnixTime(milliseconds: Int64(timegm(&parts)) * 1000)
    }
}
