import Glibc

/// Output on its way to the store. It may hold a password, so it is wiped once sent.
final class TransportOutput {
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 1)

    /// The output lies between these two.
    private var sent = 0
    private var filled = 0

    deinit {
        explicit_bzero(buffer.baseAddress!, buffer.count)
        buffer.deallocate()
    }

    /// Whether everything was sent.
    var isEmpty: Bool { sent == filled }

    /// Sends what `fill` produces until it produces nothing, or `send` returns `nil`: the next call then begins
    /// with the same bytes, in the same place.
    func drain(
        _ fill: (UnsafeMutableRawBufferPointer) -> Int,
        _ send: (UnsafeRawBufferPointer) throws(TransportFailure) -> Int?
    ) throws(TransportFailure) {
        while true {
            if isEmpty {
                sent = 0
                filled = fill(buffer)
                if filled == 0 { return }
            }
            let rest = UnsafeMutableRawBufferPointer(rebasing: buffer[sent..<filled])
            guard let count = try send(UnsafeRawBufferPointer(rest)) else { return }
            explicit_bzero(rest.baseAddress!, count)
            sent += count
        }
    }
}
