// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway
import RedisClient

@_cdecl("latchkey_link_next") @implementation
public func latchkey_link_next(
    _ gateway: OpaquePointer,
    _ now: latchkey_time,
    _ order: UnsafeMutablePointer<latchkey_link_order>
) -> Bool {
    guard let next = gateway.withGatekeeper({ $0.nextOrder(ClockReading(now)) }) else {
        return false
    }
    order.pointee.link = next.link
    switch next.order {
    case .open: gateway.withGatekeeper { order.pointee.open(next.link, of: $0) }
    case .close: order.pointee.action = LATCHKEY_LINK_CLOSE
    case .write: order.pointee.action = LATCHKEY_LINK_WRITE
    }
    return true
}

@_cdecl("latchkey_link_opened") @implementation
public func latchkey_link_opened(_ gateway: OpaquePointer, _ link: UInt32, _ now: latchkey_time) {
    gateway.withGatekeeper { $0.linkOpened(link, at: ClockReading(now)) }
}

@_cdecl("latchkey_link_closed") @implementation
public func latchkey_link_closed(
    _ gateway: OpaquePointer,
    _ link: UInt32,
    _ now: latchkey_time,
    _ failure: latchkey_link_failure
) {
    gateway.withGatekeeper { $0.linkClosed(link, LinkFailure(failure), at: ClockReading(now)) }
}

@_cdecl("latchkey_link_received") @implementation
public func latchkey_link_received(
    _ gateway: OpaquePointer,
    _ link: UInt32,
    _ bytes: UnsafePointer<UInt8>?,
    _ length: Int,
    _ now: latchkey_time
) {
    let bytes = UnsafeRawBufferPointer(start: bytes, count: length)
    gateway.withGatekeeper { $0.linkReceived(link, bytes, at: ClockReading(now)) }
}

@_cdecl("latchkey_link_output") @implementation
public func latchkey_link_output(
    _ gateway: OpaquePointer,
    _ link: UInt32,
    _ capacity: Int,
    _ buffer: UnsafeMutablePointer<UInt8>
) -> Int {
    let room = UnsafeMutableRawBufferPointer(start: buffer, count: capacity)
    return gateway.withGatekeeper { $0.drainOutput(link: link, into: room) }
}

extension latchkey_link_order {
    fileprivate mutating func open(_ link: UInt32, of gatekeeper: Gatekeeper) {
        let name = gatekeeper.certificateName(link: link)
        action = LATCHKEY_LINK_OPEN
        secure = name == nil ? 0 : 1
        spare = gatekeeper.isSpare(link: link) ? 1 : 0
        sentinel = gatekeeper.isSentinel(link: link) ? 1 : 0
        withUnsafeMutableBytes(of: &endpoint) {
            _ = CText.write(gatekeeper.endpoint(link: link)?.description ?? "", to: $0)
        }
        withUnsafeMutableBytes(of: &self.name) { _ = CText.write(name ?? "", to: $0) }
    }
}

extension LinkFailure {
    fileprivate init(_ failure: latchkey_link_failure) {
        switch failure {
        case LATCHKEY_FAILURE_UNRESOLVED: self = .unresolved
        case LATCHKEY_FAILURE_UNREACHABLE: self = .unreachable
        case LATCHKEY_FAILURE_EXHAUSTED: self = .exhausted
        case LATCHKEY_FAILURE_TLS: self = .tls
        case LATCHKEY_FAILURE_UNTRUSTED: self = .untrusted
        default: self = .disconnected
        }
    }
}
