import CLibssl
import Glibc
import RedisClient
import Testing

@testable import Administration

/// What connections to the store rest on.
struct TransportTests {
    private var soon: MonotonicTime {
        SystemClock.monotonicTime().advanced(byMilliseconds: 10_000)
    }

    @Test(arguments: [("127.0.0.1", AF_INET), ("::1", AF_INET6)])
    func `an address needs no lookup`(host: String, family: Int32) throws {
        let addresses = try HostAddresses.of(host, 6379, until: .origin)
        #expect(try addresses.firstResult(until: soon) { family, _, _ in family } == family)
    }

    @Test func `a name is looked up`() throws {
        let addresses = try HostAddresses.of("localhost", 6379, until: soon)
        let isKnown = try addresses.firstResult(until: soon) { family, _, _ in
            [AF_INET, AF_INET6].contains(family)
        }
        #expect(isKnown)
    }

    @Test func `the addresses of a host are tried in turn, and the last failure is reported`()
        throws
    {
        let addresses = try HostAddresses.of("127.0.0.1", 6379, until: soon)
        #expect(throws: TransportFailure.system(errno: ECONNREFUSED)) {
            try addresses.firstResult(until: soon) { _, _, _ throws(TransportFailure) -> Int in
                throw .system(errno: ECONNREFUSED)
            }
        }
    }

    @Test func `a lookup that takes too long is given up`() {
        #expect(throws: TransportFailure.slowName) {
            try HostAddresses.of("localhost", 6379, until: .origin)
        }
    }

    @Test func `a lookup leaves the signals of its caller as they were`() throws {
        var earlier = sigset_t()
        var later = sigset_t()
        pthread_sigmask(SIG_BLOCK, nil, &earlier)
        _ = try HostAddresses.of("localhost", 6379, until: soon)
        pthread_sigmask(SIG_BLOCK, nil, &later)
        for signal in Int32(1)..<32 {
            #expect(sigismember(&earlier, signal) == sigismember(&later, signal))
        }
    }

    @Test func `TLS writes to a closed connection without a signal`() throws {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        defer { close(ends[0]) }
        let bio = try #require(SocketBIO.make(ends[0]))
        defer { BIO_free(bio) }
        #expect(BIO_write(bio, "yes", 3) == 3)
        close(ends[1])
        #expect(BIO_write(bio, "no", 2) == -1)
        #expect(BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY) == 0)
    }

    @Test func `TLS waits for a connection that takes no more`() throws {
        var ends: [Int32] = [-1, -1]
        socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0, &ends)
        defer { for end in ends { close(end) } }
        let bio = try #require(SocketBIO.make(ends[0]))
        defer { BIO_free(bio) }
        let piece = [UInt8](repeating: 0, count: 65_536)
        var result = Int32(piece.count)
        while result > 0 { result = BIO_write(bio, piece, Int32(piece.count)) }
        #expect(BIO_test_flags(bio, BIO_FLAGS_SHOULD_RETRY | BIO_FLAGS_WRITE) != 0)
    }
}
