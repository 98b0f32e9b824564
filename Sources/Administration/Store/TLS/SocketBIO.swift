import CLibssl
import Glibc

/// OpenSSL's own BIO for sockets, except that a write to a closed connection raises no SIGPIPE.
enum SocketBIO {
    /// A BIO for a socket, which stays the caller's; `nil` without memory.
    static func make(_ descriptor: Int32) -> OpaquePointer? {
        guard let method, let bio = BIO_new(method) else { return nil }
        BIO_int_ctrl(bio, BIO_C_SET_FD, Int(BIO_NOCLOSE), descriptor)
        return bio
    }

    /// Never changed once it is made.
    nonisolated(unsafe) private static let method: OpaquePointer? = {
        let socket = BIO_s_socket()
        let type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR
        guard let method = BIO_meth_new(type, "socket without signals") else { return nil }
        BIO_meth_set_create(method, BIO_meth_get_create(socket))
        BIO_meth_set_destroy(method, BIO_meth_get_destroy(socket))
        BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(socket))
        BIO_meth_set_read(method, BIO_meth_get_read(socket))
        BIO_meth_set_write(method) { bio, bytes, count in
            SocketBIO.write(bio, bytes, count)
        }
        return method
    }()

    private static func write(
        _ bio: OpaquePointer?,
        _ bytes: UnsafePointer<CChar>?,
        _ count: Int32
    ) -> Int32 {
        let descriptor = Int32(BIO_ctrl(bio, BIO_C_GET_FD, 0, nil))
        BIO_clear_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        let sent = Int32(Glibc.send(descriptor, bytes, Int(count), Int32(MSG_NOSIGNAL)))
        if sent <= 0, BIO_sock_should_retry(sent) != 0 {
            BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY)
        }
        return sent
    }
}
