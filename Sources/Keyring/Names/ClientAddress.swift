import Glibc

/// The IP address that a request came from, as a proxy reports it.
public struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    /// The address in its shortest form, at most 45 characters.
    public let description: String

    /// An IPv4 or IPv6 address without a zone; `nil` for anything else.
    public init?(_ text: String) {
        for family in [AF_INET, AF_INET6] {
            var binary = in6_addr()
            guard inet_pton(family, text, &binary) == 1 else { continue }
            var name = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard inet_ntop(family, &binary, &name, socklen_t(INET6_ADDRSTRLEN)) != nil else {
                return nil
            }
            let bytes = name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            description = String(decoding: bytes, as: UTF8.self)
            return
        }
        return nil
    }
}
