import CLibssl
import Glibc

/// One TLS connection: OpenSSL's `SSL` over a socket.
final class TLSSession {
    /// What a step has achieved.
    enum Progress {
        /// All of it, or this many bytes.
        case done(Int)
        /// Nothing, until one of these events of `poll()`.
        case blocked(Int32)
        /// Nothing, and there will be nothing: the store has closed.
        case closed
    }

    private let pointer: OpaquePointer
    private let socket: StoreSocket
    private let name: String
    private let hasCertificate: Bool
    private var rejection: CertificateRejection?

    /// Messages of TLS itself that one step may come across: a handshake takes about ten, and Redis sends two tickets.
    private static let messagesMax = 64

    /// Those of the current step.
    private var messages = 0

    /// Whether the handshake is done, and nothing has gone wrong since.
    private var isIntact = false

    /// A session whose handshake begins with ``shakeHands()``.
    ///
    /// - Parameter name: The host name or IP address that the store's certificate must be for.
    init(_ context: TLSContext, _ socket: StoreSocket, name: String) throws(TransportFailure) {
        guard let bio = SocketBIO.make(socket.descriptor), let pointer = SSL_new(context.pointer)
        else { throw .system(errno: ENOMEM) }
        self.pointer = pointer
        self.socket = socket
        self.name = name
        hasCertificate = context.hasCertificate
        SSL_set_bio(pointer, bio, bio)
        SSL_set_connect_state(pointer)
        guard demandCertificate() else { throw .system(errno: ENOMEM) }
        countMessages()
    }

    deinit {
        if isIntact { SSL_shutdown(pointer) }
        SSL_free(pointer)
    }

    /// Makes the handshake fail unless the store proves that it has the name.
    private func demandCertificate() -> Bool {
        SSL_set_ex_data(pointer, 0, Unmanaged.passUnretained(self).toOpaque())
        SSL_set_verify(pointer, SSL_VERIFY_PEER) { isAccepted, context in
            if isAccepted == 0 { TLSSession.noteRejection(context) }
            return isAccepted
        }
        let parameters = SSL_get0_param(pointer)
        let flags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS)
        X509_VERIFY_PARAM_set_hostflags(parameters, flags)
        // A client announces names and not addresses (RFC 6066).
        if X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1 { return true }
        return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 && announce() == 1
    }

    /// `SSL_read()` returns when it has data, or when the socket is empty. A store that kept sending tickets or new
    /// keys would keep it. So would one that kept sending HelloRequest in place of a handshake, before it is verified.
    /// Beyond a limit the connection ends.
    private func countMessages() {
        let own = Unmanaged.passUnretained(self).toOpaque()
        SSL_ctrl(pointer, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, own)
        SSL_set_msg_callback(pointer) { sent, _, type, _, _, _, own in
            guard sent == 0, type == SSL3_RT_HANDSHAKE, let own else { return }
            let session = Unmanaged<TLSSession>.fromOpaque(own).takeUnretainedValue()
            session.messages += 1
            guard session.messages > TLSSession.messagesMax else { return }
            shutdown(session.socket.descriptor, Int32(SHUT_RDWR))
        }
    }

    private func announce() -> Int {
        name.withCString { text in
            SSL_ctrl(
                pointer,
                SSL_CTRL_SET_TLSEXT_HOSTNAME,
                Int(TLSEXT_NAMETYPE_host_name),
                UnsafeMutableRawPointer(mutating: text)
            )
        }
    }

    private static func noteRejection(_ context: OpaquePointer?) {
        let index = SSL_get_ex_data_X509_STORE_CTX_idx()
        guard let pointer = X509_STORE_CTX_get_ex_data(context, index),
            let session = SSL_get_ex_data(OpaquePointer(pointer), 0),
            let certificate = X509_STORE_CTX_get_current_cert(context)
        else { return }
        Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue().rejection =
            CertificateRejection(
                error: X509_STORE_CTX_get_error(context),
                isAuthority: X509_STORE_CTX_get_error_depth(context) > 0,
                certificate: Certificate(certificate)
            )
    }
}

// MARK: - Steps

extension TLSSession {
    /// The chain that the handshake has verified, from the store's certificate to a trusted authority's.
    var certificates: [Certificate] {
        let chain = SSL_get0_verified_chain(pointer)
        return (0..<max(0, OPENSSL_sk_num(chain))).compactMap { index in
            OPENSSL_sk_value(chain, index).map { Certificate(OpaquePointer($0)) }
        }
    }

    /// Whether bytes have been read from the socket that ``read(into:)`` has not yet returned.
    var hasPending: Bool { SSL_pending(pointer) > 0 }

    /// Takes the handshake, and with it the verification of the store's certificate, further.
    func shakeHands() throws(TransportFailure) -> Progress {
        let progress: Progress
        do throws(TransportFailure) {
            progress = try perform { SSL_do_handshake(pointer) }
        } catch .system(let number) {
            throw .tls("\(Self.interruption): \(String(cString: strerror(number)))")
        }
        switch progress {
        case .done:
            // Without one there was nothing to verify: a cipher may do without certificates.
            guard SSL_get0_peer_certificate(pointer) != nil else {
                throw .tls("it presents no certificate")
            }
            isIntact = true
        case .closed: throw .tls(Self.interruption)
        case .blocked: break
        }
        return progress
    }

    private static let interruption = "it ended the connection during the TLS handshake"

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportFailure) -> Progress {
        try perform { SSL_read(pointer, buffer.baseAddress, Int32(clamping: buffer.count)) }
    }

    /// Writes all of the bytes. After it was blocked it wants the same bytes, in the same place.
    func write(_ bytes: UnsafeRawBufferPointer) throws(TransportFailure) -> Progress {
        do throws(TransportFailure) {
            return try perform {
                SSL_write(pointer, bytes.baseAddress, Int32(clamping: bytes.count))
            }
        } catch {
            throw lastWords ?? error
        }
    }

    /// What the store said before it closed the connection.
    private var lastWords: TransportFailure? {
        var byte: UInt8 = 0
        do throws(TransportFailure) {
            _ = try perform { SSL_read(pointer, &byte, 1) }
        } catch .tls(let text) {
            return .tls(text)
        } catch {
            return nil
        }
        return nil
    }

    private func perform(_ step: () -> Int32) throws(TransportFailure) -> Progress {
        ERR_clear_error()
        errno = 0
        messages = 0
        let result = step()
        let number = errno
        if result > 0 { return .done(Int(result)) }
        switch SSL_get_error(pointer, result) {
        case SSL_ERROR_WANT_READ: return .blocked(POLLIN)
        case SSL_ERROR_WANT_WRITE: return .blocked(POLLOUT)
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: break
        }
        isIntact = false
        let reason = ERR_peek_last_error()
        if ERR_GET_REASON(reason) == SSL_R_UNEXPECTED_EOF_WHILE_READING { return .closed }
        guard reason == 0 else { throw failure }
        guard number != 0 else { return .closed }
        throw .system(errno: number)
    }

    private var failure: TransportFailure {
        if let rejection { return .untrusted(rejection.reason(name)) }
        return .tls(TLSReason.ofConnection(hasCertificate: hasCertificate))
    }
}
